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

  it("in conflict is answered as such, and the replica catches up", async () => {
    await live();
    session.hit(1);
    const error = { code: "VERSION_CONFLICT", message: "", retryable: false, outcome: "not_applied", currentVersion: "1", details: {} };
    const result = replica.update(operations);
    await answer("gameState:update", { success: false, error });
    expect(await result).toMatchObject({ success: false, error: { code: "VERSION_CONFLICT" } });
    await answer("gameState:requestFull", session.since(0), 1);
    expectAtHead();
  });
});
