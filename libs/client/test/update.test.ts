import { describe, expect, it } from "vitest";

import type { StateOperation } from "../src/index.ts";
import { answer, asked, expectAtHead, gateway, join, live, replica, seen, SESSION, session, settle } from "./support/replica-stage.ts";

describe("an update", () => {
  const operations: StateOperation[] = [{ path: "characters.{id:a}.hp", operation: "set", value: 4 }];

  function accepted(): object {
    const { newVersion, expectedHash, epoch, timestamp } = session.change(operations);
    return { success: true, newVersion, newHash: expectedHash, epoch, timestamp };
  }

  it("is made for the version held, and applied from its answer", async () => {
    await live();
    const result = replica.update(operations);
    const data = await answer("gameState:update", accepted());
    expect(data).toMatchObject({ id: "id0", sessionId: SESSION, version: "0", epoch: "e1", operations, source: "gm" });
    expect(await result).toMatchObject({ success: true, newVersion: "1" });
    expectAtHead();
    expect(seen.updated[0]!.operations).toEqual([{ path: "characters.0.hp", operation: "set", value: 4 }]);
  });

  it("waits for the one before it, and is made for the version that that one led to", async () => {
    await live();
    const both = [replica.update(operations), replica.update(operations)];
    await settle();
    expect(gateway.last.asked("gameState:update")).toHaveLength(1);
    await answer("gameState:update", accepted());
    expect(await answer("gameState:update", accepted(), 1)).toMatchObject({ id: "id1", version: "1" });
    expect(await Promise.all(both)).toMatchObject([{ newVersion: "1" }, { newVersion: "2" }]);
    expectAtHead();
  });

  it("is not applied twice when its broadcast comes before its answer", async () => {
    await live();
    const result = replica.update([{ path: "characters.0.hp", operation: "inc", value: 1 }]);
    const { channel, frame } = await asked("gameState:update");
    const broadcast = session.change([{ path: "characters.0.hp", operation: "inc", value: 1 }]);
    channel.say("gameState:updated", broadcast);
    channel.answer(frame, { success: true, newVersion: "1", newHash: broadcast.expectedHash, epoch: "e1", timestamp: 1 });
    expect((await result).success).toBe(true);
    expectAtHead();
    expect(seen.updated).toHaveLength(1);
  });

  it("is sent again with the same id and version when its answer is lost, and settles by the first result", async () => {
    await live();
    const result = replica.update(operations);
    const first = await asked("gameState:update");
    const late = accepted();
    first.channel.lose();
    await settle(250);
    await join();
    await answer("gameState:requestFull", session.since(0));
    const second = await asked("gameState:update");
    expect(second.frame.data).toEqual(first.frame.data);
    second.channel.answer(second.frame, late);
    expect(await result).toMatchObject({ success: true, newVersion: "1" });
    expectAtHead();
    expect(seen.updated).toHaveLength(1);
  });

  it("is sent again as it is while its outcome is unknown, and no longer once it is settled", async () => {
    await live();
    const result = replica.update(operations);
    const error = { code: "TRANSACTION_FAILED", message: "", retryable: true, outcome: "unknown", details: {} };
    const first = await answer("gameState:update", { success: false, error });
    const second = await answer("gameState:update", { success: false, error: { ...error, retryAfterMs: 500 } }, 1);
    const third = await answer("gameState:update", accepted(), 2);
    expect([second, third]).toEqual([first, first]);
    expect((await result).success).toBe(true);
    expectAtHead();
  });

  it("that was refused changes nothing and says why", async () => {
    await live();
    const error = { code: "VALIDATION_ERROR", message: "no", retryable: false, outcome: "not_applied", details: { reason: "NO_MATCH", operation: 0 } };
    const result = replica.update(operations);
    await answer("gameState:update", { success: false, error });
    expect(await result).toEqual({ success: false, error });
    expectAtHead();
    expect(gateway.last.asked("gameState:update")).toHaveLength(1);
  });

  const conflict = { code: "VERSION_CONFLICT", message: "", retryable: false, outcome: "not_applied", currentVersion: "1", details: {} };

  it("in conflict is answered as such when somebody changed the same place, once the replica has caught up", async () => {
    await live();
    session.hit(1);
    const result = replica.update(operations);
    await answer("gameState:update", { success: false, error: conflict });
    await answer("gameState:requestFull", session.since(0), 1);
    expect(await result).toMatchObject({ success: false, error: { code: "VERSION_CONFLICT" } });
    expect(gateway.last.asked("gameState:update")).toHaveLength(1);
    expectAtHead();
  });

  it("in conflict is sent again, as another update for the new version, when nobody changed what it addresses", async () => {
    await live();
    session.change([{ path: "pluginData.round", operation: "set", value: 2 }]);
    const result = replica.update([{ path: "characters.0.hp", operation: "set", value: 4 }]);
    await answer("gameState:update", { success: false, error: conflict });
    await answer("gameState:requestFull", session.since(0), 1);
    expect(await answer("gameState:update", accepted(), 1)).toMatchObject({ id: "id1", version: "1" });
    expect(await result).toMatchObject({ success: true, newVersion: "2" });
    expectAtHead();
  });

  it("whose index leads to another element now is not sent at all", async () => {
    await live();
    const first = replica.update([{ path: "pluginData.a", operation: "set", value: 1 }]);
    const second = replica.update([{ path: "characters.0.hp", operation: "set", value: 1 }]);
    const third = replica.update(operations);
    const sent = await asked("gameState:update");
    const moved = session.change([{ path: "characters", operation: "push", value: { id: "z" }, index: 0 }]);
    sent.channel.say("gameState:updated", moved);
    sent.channel.answer(sent.frame, { success: false, error: conflict });
    await answer("gameState:requestFull", session.since(1), 1);
    const change = session.change([{ path: "pluginData.a", operation: "set", value: 1 }]);
    await answer("gameState:update", { success: true, newVersion: "2", newHash: change.expectedHash, epoch: "e1", timestamp: 1 }, 1);
    expect(await first).toMatchObject({ success: true, newVersion: "2" });
    expect(await second).toMatchObject({ success: false, error: { code: "VERSION_CONFLICT", details: { reason: "ADDRESSED_CHANGED" } } });
    await answer("gameState:update", accepted(), 2);
    expect(await third).toMatchObject({ success: true, newVersion: "3" });
    expectAtHead();
  });

  it("made of an intent asks it again on the new state", async () => {
    await live();
    session.hit(6);
    const result = replica.update((state) => [{ path: "characters.0.hp", operation: "set", value: (state.characters[0]!["hp"] as number) - 2 }]);
    await answer("gameState:update", { success: false, error: conflict });
    await answer("gameState:requestFull", session.since(0), 1);
    const again = await asked("gameState:update", 1);
    expect(again.frame.data).toMatchObject({ operations: [{ value: 4 }] });
    again.channel.answer(again.frame, accepted());
    expect(await result).toMatchObject({ success: true });
    expectAtHead();
  });

  it("waits for a connection, and is refused when none will come", async () => {
    const early = replica.update(operations);
    await live();
    await answer("gameState:update", accepted());
    expect(await early).toMatchObject({ success: true });
    gateway.last.lose();
    const never = replica.update(operations);
    replica.stop();
    expect(await never).toMatchObject({ success: false, error: { outcome: "not_applied", details: { reason: "STOPPED" } } });
  });

  it("is refused before it is sent for what the server would refuse in its form", async () => {
    await live();
    const result = await replica.update([{ path: "characters.__proto__.x", operation: "set", value: 1 }]);
    expect(result).toMatchObject({ success: false, error: { code: "VALIDATION_ERROR", details: { reason: "FORBIDDEN_KEY", operation: 0 } } });
    const broken = await replica.update(() => {
      throw new Error("no such spell");
    });
    expect(broken).toMatchObject({ success: false, error: { code: "VALIDATION_ERROR", message: "no such spell" } });
    expect(gateway.last.asked("gameState:update")).toHaveLength(0);
  });

  it("does not take a later refusal for the outcome of an earlier delivery", async () => {
    await live();
    const result = replica.update(operations);
    const unknown = { code: "TRANSACTION_FAILED", message: "", retryable: true, outcome: "unknown", details: {} };
    await answer("gameState:update", { success: false, error: unknown });
    await answer("gameState:update", { success: false, error: { ...unknown, outcome: "not_applied", code: "PERMISSION_DENIED", retryable: false } }, 1);
    expect(await result).toMatchObject({ success: false, error: { code: "PERMISSION_DENIED", outcome: "unknown" } });
  });

  it("that coalesces takes the turn of the last one that waits for the same place, and both have its answer", async () => {
    await live();
    const move = (x: number) => replica.update([{ path: ["characters", { id: "a" }, "hp"], operation: "set", value: x }], { coalesce: true });
    const calls = [move(1), move(2)];
    const first = await asked("gameState:update");
    calls.push(move(3), move(4), move(5));
    const confirm = async (hp: number, nth: number): Promise<unknown> => {
      const { newVersion, expectedHash, epoch, timestamp } = session.hit(hp);
      return answer("gameState:update", { success: true, newVersion, newHash: expectedHash, epoch, timestamp }, nth);
    };
    expect(first.frame.data).toMatchObject({ operations: [{ value: 2 }] });
    await confirm(2, 0);
    expect(await confirm(5, 1)).toMatchObject({ operations: [{ value: 5 }] });
    expect((await Promise.all(calls)).map((result) => (result.success ? result.newVersion : "-"))).toEqual(["1", "1", "2", "2", "2"]);
  });

  it("that is optimistic is seen at once, stays under what others do, and is taken back when it is refused", async () => {
    await live();
    const hp = () => replica.gameState!.characters[0]!["hp"];
    const result = replica.update([{ path: "characters.0.hp", operation: "set", value: 4 }], { optimistic: true });
    expect(hp()).toBe(4);
    const sent = await asked("gameState:update");
    gateway.last.say("gameState:updated", session.change([{ path: "characters.0.name", operation: "set", value: "Ana" }]));
    expect(replica.gameState!.characters[0]).toEqual({ id: "a", hp: 4, name: "Ana" });
    expect(replica.head!.verified).toBe(true);
    sent.channel.answer(sent.frame, { success: false, error: { ...conflict, code: "VALIDATION_ERROR" } });
    await result;
    expectAtHead();
  });
});

describe("a full refresh", () => {
  it("leaves what did not change as it is", async () => {
    await live();
    const { characters } = replica.gameState!;
    session.change([{ path: "items", operation: "push", value: { id: "i" } }]);
    gateway.last.say("gameState:updated", { ...session.hit(3), expectedHash: "0".repeat(64) });
    await answer("gameState:requestFull", session.full(), 1);
    expect(replica.gameState!.characters).toBe(characters);
    expectAtHead();
  });

  it("is asked for when a check finds what was held written into", async () => {
    await live();
    expect(await replica.check()).toBe(true);
    await answer("gameState:requestFull", { success: true, ...session.head(), notModified: true }, 1);
    replica.gameState!.characters[0]!["hp"] = 99;
    expect(await replica.check()).toBe(false);
    await answer("gameState:requestFull", session.full(), 2);
    expectAtHead();
  });
});
