import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import {
  Connection,
  emptyState,
  GameState,
  Replica,
  type FullState,
  type ReplicaEvents,
  type SessionSummary,
  type StateOperation,
  type StateUpdateBroadcast,
} from "../src/index.ts";
import { ScriptedGateway, type ScriptedChannel } from "./support/scripted.ts";

const SESSION = "s1";

/** The session as the server has it: what it would broadcast and answer. */
class Session {
  readonly game = GameState.from({ ...emptyState(), characters: [{ id: "a", hp: 10 }] });
  readonly broadcasts: StateUpdateBroadcast[] = [];
  epoch = "e1";
  version = 0;

  change(operations: StateOperation[], fields: Partial<StateUpdateBroadcast> = {}): StateUpdateBroadcast {
    const { resolved } = this.game.apply(operations);
    const broadcast: StateUpdateBroadcast = {
      sessionId: SESSION,
      operations: resolved,
      newVersion: String(++this.version),
      expectedHash: this.game.hash(),
      epoch: this.epoch,
      timestamp: 1000 + this.version,
      source: "gm",
      updateId: `u${this.version}`,
      kind: "update",
      ...fields,
    };
    this.broadcasts.push(broadcast);
    return broadcast;
  }

  hit(hp: number): StateUpdateBroadcast {
    return this.change([{ path: "characters.0.hp", operation: "set", value: hp }]);
  }

  head() {
    const { epoch, version } = this;
    return { sessionId: SESSION, gameStateVersion: String(version), gameStateHash: this.game.hash(), epoch, timestamp: 1, status: "active" as const };
  }

  full(): FullState & { success: true } {
    return { success: true, ...this.head(), gameState: structuredClone(this.game.root) };
  }

  since(version: number): object {
    return { success: true, ...this.head(), updates: this.broadcasts.slice(version) };
  }

  summary(): SessionSummary {
    return { id: SESSION, status: "active", gameMasterId: "gm", epoch: this.epoch } as SessionSummary;
  }
}

let session: Session;
let gateway: ScriptedGateway;
let connection: Connection;
let replica: Replica;
let seen: { [Name in keyof ReplicaEvents]: ReplicaEvents[Name][] };

beforeEach(() => {
  vi.useFakeTimers();
  session = new Session();
  gateway = new ScriptedGateway();
  connection = new Connection({ transport: gateway, token: () => "t", random: () => 0.5 });
  let id = 0;
  replica = new Replica({ connection, sessionId: SESSION, random: () => 0.5, newId: () => `id${id++}` });
  seen = { state: [], session: [], replaced: [], updated: [], fault: [] };
  for (const name of Object.keys(seen) as (keyof ReplicaEvents)[]) replica.on(name, (payload) => (seen[name] as unknown[]).push(payload));
});

afterEach(() => {
  replica.stop();
  connection.stop();
  vi.useRealTimers();
});

async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Waits until the gateway was asked this for the n-th time on the present channel. */
async function asked(event: string, nth = 0): Promise<{ channel: ScriptedChannel; frame: { event: string; id?: number; data: unknown } }> {
  for (let wait = 0; wait < 1000; wait++) {
    await settle(wait === 0 ? 0 : 10);
    const frame = gateway.channels.at(-1)?.asked(event)[nth];
    if (frame !== undefined) return { channel: gateway.last, frame };
  }
  throw new Error(`never asked ${event} number ${nth}`);
}

async function answer(event: string, data: object, nth = 0): Promise<unknown> {
  const { channel, frame } = await asked(event, nth);
  channel.answer(frame, data);
  await settle();
  return frame.data;
}

async function join(): Promise<void> {
  await answer("auth", { success: true });
  await answer("gameSession:join", { success: true, session: session.summary() });
}

async function live(): Promise<void> {
  connection.start();
  await join();
  await answer("gameState:requestFull", session.full());
  expect(replica.state.name).toBe("live");
}

function expectAtHead(): void {
  expect(replica.head).toMatchObject({ epoch: session.epoch, version: String(session.version), hash: session.game.hash() });
  expect(replica.gameState).toEqual(session.game.root);
}

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

  it("is not set back by a full state that was overtaken", async () => {
    await live();
    gateway.last.say("gameState:updated", session.hit(7));
    const old = session.full();
    gateway.last.say("gameState:resync", { sessionId: SESSION });
    const { channel, frame } = await asked("gameState:requestFull", 1);
    const result = replica.update([{ path: "characters.0.hp", operation: "set", value: 1 }]);
    const sent = await asked("gameState:update");
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
