import { describe, expect, it } from "vitest";

import { answer, asked, connection, expectAtHead, gateway, join, live, replica, seen, SESSION, session, settle } from "./support/replica-stage.ts";

describe("a replica", () => {
  it("joins, takes the full state, and applies what follows in place with each hash compared", async () => {
    await live();
    expectAtHead();
    const { characters } = replica.gameState!;
    gateway.last.say("gameState:updated", session.hit(7));
    gateway.last.say("gameState:updated", session.hit(6));
    expectAtHead();
    expect(replica.head!.verified).toBe(true);
    expect(replica.gameState!.characters).toBe(characters);
    expect(seen.updated.map(({ head }) => head.version)).toEqual(["1", "2"]);
    expect(seen.replaced).toHaveLength(1);
  });

  it("drops what it has already", async () => {
    await live();
    const first = session.hit(7);
    gateway.last.say("gameState:updated", first);
    gateway.last.say("gameState:updated", session.hit(6));
    gateway.last.say("gameState:updated", first);
    expectAtHead();
    expect(seen.updated).toHaveLength(2);
    expect(replica.state.name).toBe("live");
  });

  it("fills a gap from where it stands, and applies what came meanwhile", async () => {
    await live();
    const held = session.game.hash();
    session.hit(7);
    gateway.last.say("gameState:updated", session.hit(6));
    expect(replica.state.name).toBe("catching-up");
    const { channel, frame } = await asked("gameState:requestFull", 1);
    expect(frame.data).toEqual({ sessionId: SESSION, version: "0", hash: held, epoch: "e1" });
    const missed = session.since(0);
    channel.say("gameState:updated", session.hit(5));
    channel.answer(frame, missed);
    await settle();
    expectAtHead();
    expect(replica.state.name).toBe("live");
    expect(seen.replaced).toHaveLength(1);
  });

  it("replaces everything when an update does not lead to its hash", async () => {
    await live();
    gateway.last.say("gameState:updated", { ...session.hit(7), expectedHash: "0".repeat(64) });
    expect(seen.fault).toMatchObject([{ reason: "HASH_MISMATCH" }]);
    expect(seen.updated).toEqual([]);
    expect(await answer("gameState:requestFull", session.full(), 1)).toEqual({ sessionId: SESSION });
    expectAtHead();
    expect(replica.state.name).toBe("live");
  });

  it("replaces everything when an update cannot be applied, and when the session has a new epoch", async () => {
    await live();
    gateway.last.say("gameState:updated", { ...session.hit(7), operations: [{ path: "characters.9.hp", operation: "set", value: 1 }] });
    expect(seen.fault).toMatchObject([{ reason: "INDEX_OUT_OF_RANGE" }]);
    await answer("gameState:requestFull", session.full(), 1);
    session.epoch = "e2";
    gateway.last.say("gameState:updated", session.hit(3));
    expect(await answer("gameState:requestFull", session.full(), 2)).toMatchObject({ epoch: "e1" });
    expectAtHead();
  });

  it("asks again when the full state itself does not have its hash, and never shows it", async () => {
    connection.start();
    await join();
    await answer("gameState:requestFull", { ...session.full(), gameStateHash: "0".repeat(64) });
    expect(replica.gameState).toBeUndefined();
    await answer("gameState:requestFull", session.full(), 1);
    expectAtHead();
  });

  it("joins again when the gateway has taken it out, after the delay that it was told, and says why when it may not", async () => {
    await live();
    const error = { code: "TRANSACTION_FAILED", message: "cannot be asked at present", retryable: true, retryAfterMs: 3000, details: { reason: "MEMBERSHIP_UNKNOWN" } };
    gateway.last.say("gameState:error", { sessionId: SESSION, error });
    expect(replica.state.name).toBe("joining");
    session.hit(7);
    await settle(2999);
    expect(gateway.last.asked("gameSession:join")).toHaveLength(1);
    await settle(1000);
    await answer("gameSession:join", { success: true, session: session.summary() }, 1);
    await answer("gameState:requestFull", session.since(0), 1);
    expectAtHead();
    expect(replica.state.name).toBe("live");

    const removed = { code: "PERMISSION_DENIED", message: "no more", retryable: false, details: { reason: "NOT_A_PARTICIPANT" } };
    gateway.last.say("gameState:error", { sessionId: SESSION, error: removed });
    await settle(1000);
    await answer("gameSession:join", { success: false, error: removed }, 2);
    expect(replica.state).toMatchObject({ name: "refused", error: { code: "PERMISSION_DENIED" } });
  });

  it("is not set back by a full state that was overtaken", async () => {
    await live();
    gateway.last.say("gameState:updated", session.hit(7));
    const old = session.full();
    const result = replica.update([{ path: "characters.0.hp", operation: "set", value: 1 }]);
    const sent = await asked("gameState:update");
    gateway.last.say("gameState:resync", { sessionId: SESSION });
    const { channel, frame } = await asked("gameState:requestFull", 1);
    channel.answer(frame, old);
    await settle();
    const broadcast = session.hit(1);
    channel.answer(sent.frame, { success: true, newVersion: "2", newHash: broadcast.expectedHash, epoch: "e1", timestamp: 1 });
    await result;
    channel.say("gameState:resync", { sessionId: SESSION });
    await answer("gameState:requestFull", old, 2);
    expectAtHead();
    expect(replica.state.name).toBe("live");
  });

  it("takes versions without a hash as unverified", async () => {
    await live();
    gateway.last.say("gameState:updated", { ...session.hit(7), expectedHash: null });
    expectAtHead();
    expect(replica.head!.verified).toBe(false);
  });

  it("catches up after a reconnect from the position that it holds", async () => {
    await live();
    gateway.last.say("gameState:updated", session.hit(7));
    gateway.last.lose();
    expect(replica.state.name).toBe("offline");
    expect(replica.gameState).toEqual(session.game.root);
    const held = { sessionId: SESSION, version: "1", hash: session.game.hash(), epoch: "e1" };
    await settle(250);
    await join();
    expect(await answer("gameState:requestFull", { success: true, ...session.head(), notModified: true })).toEqual(held);
    expect(replica.state.name).toBe("live");
    expect(seen.replaced).toHaveLength(1);
  });

  it("catches up when it is told that frames were dropped", async () => {
    await live();
    session.hit(7);
    gateway.last.say("gameState:resync", { sessionId: SESSION });
    await answer("gameState:requestFull", session.since(0), 1);
    expectAtHead();
  });

  it("asks once at a time, and once more when it is told meanwhile that frames were dropped", async () => {
    await live();
    session.hit(7);
    const missed = session.since(0);
    gateway.last.say("gameState:resync", { sessionId: SESSION });
    const { channel, frame } = await asked("gameState:requestFull", 1);
    session.hit(6);
    for (let times = 0; times < 3; times++) {
      channel.say("gameState:resync", { sessionId: SESSION });
      await settle(3_000);
    }
    expect(gateway.last.asked("gameState:requestFull")).toHaveLength(2);
    channel.answer(frame, missed);
    await answer("gameState:requestFull", session.since(1), 2);
    expectAtHead();
    await settle(20_000);
    expect(gateway.last.asked("gameState:requestFull")).toHaveLength(3);
  });

  it("asks for the head after a long silence, and gives up a connection that does not answer", async () => {
    await live();
    session.hit(7);
    await settle(30_000);
    await answer("gameState:requestFull", session.since(0), 1);
    expectAtHead();
    await settle(30_000);
    await asked("gameState:requestFull", 2);
    await settle(12_000);
    expect(gateway.channels).toHaveLength(2);
  });

  it("is not moved by another session's events", async () => {
    await live();
    gateway.last.say("gameState:updated", { ...session.hit(7), sessionId: "other" });
    expect(replica.head!.version).toBe("0");
    expect(replica.state.name).toBe("live");
  });

  it("follows the session's status and its GM", async () => {
    await live();
    gateway.last.say("gameState:updated", session.change([], { kind: "pause", status: "paused", by: "gm" }));
    gateway.last.say("gameState:updated", session.change([], { kind: "hand-over", gameMasterId: "other" }));
    expect(replica.session).toMatchObject({ status: "paused", gameMasterId: "other" });
    expectAtHead();
  });

  it("says so when the session is not open to it, and does not ask again", async () => {
    connection.start();
    await answer("auth", { success: true });
    const error = { code: "PERMISSION_DENIED", message: "no", retryable: false, details: {} };
    await answer("gameSession:join", { success: false, error });
    await settle(60_000);
    expect(replica.state).toEqual({ name: "refused", error });
    expect(gateway.last.asked("gameSession:join")).toHaveLength(1);
  });

  it("tries to join again while the platform is too busy", async () => {
    connection.start();
    await answer("auth", { success: true });
    const error = { code: "TRANSACTION_FAILED", message: "busy", retryable: true, retryAfterMs: 700, details: {} };
    await answer("gameSession:join", { success: false, error });
    await settle(690);
    expect(gateway.last.asked("gameSession:join")).toHaveLength(1);
    await answer("gameSession:join", { success: true, session: session.summary() }, 1);
    await answer("gameState:requestFull", session.full());
    expectAtHead();
  });
});
