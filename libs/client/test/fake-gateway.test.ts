import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Connection, type protocol, type StateUpdate, type StateUpdateBroadcast } from "../src/index.ts";
import { FakeGateway } from "../src/testing/index.ts";

type ChatRecipient = protocol.Recipient;

let gateway: FakeGateway;
let connection: Connection;

beforeEach(async () => {
  vi.useFakeTimers();
  gateway = new FakeGateway({ participantIds: ["ana"], history: 2 });
  connection = new Connection({ transport: gateway.transport, token: () => "gm" });
  connection.start();
  await vi.advanceTimersByTimeAsync(10);
});

afterEach(async () => {
  connection.stop();
  await vi.advanceTimersByTimeAsync(10);
  vi.useRealTimers();
});

async function ask(event: string, data: unknown): Promise<object> {
  const answer = connection.request<object>(event, data);
  await vi.advanceTimersByTimeAsync(10);
  return answer;
}

const update = (id: string, version: string, value = 1): StateUpdate => ({
  id,
  sessionId: "session-1",
  version,
  operations: [{ path: "pluginData.x", operation: "set", value }],
  timestamp: 0,
  source: "gm",
});

describe("the fake gateway", () => {
  it("answers a re-send with its first result, and refuses another update under the same id", async () => {
    const first = await ask("gameState:update", update("u1", "0"));
    expect(first).toMatchObject({ success: true, newVersion: "1" });
    await ask("gameState:update", update("u2", "1"));
    expect(await ask("gameState:update", update("u1", "0"))).toEqual(first);
    expect(await ask("gameState:update", update("u1", "0", 2))).toMatchObject({ error: { details: { reason: "ID_REUSED" } } });
    expect(gateway.session.version).toBe("2");
  });

  it("answers a stale base with the head, and what cannot be applied with its reason", async () => {
    gateway.change([{ path: "pluginData.y", operation: "set", value: 1 }]);
    expect(await ask("gameState:update", update("u1", "0"))).toMatchObject({ error: { code: "VERSION_CONFLICT", currentVersion: "1" } });
    const bad = { ...update("u1", "1"), operations: [{ path: "items.4", operation: "unset" as const }] };
    expect(await ask("gameState:update", bad)).toMatchObject({ error: { code: "VALIDATION_ERROR", details: { reason: "INDEX_OUT_OF_RANGE" } } });
    gateway.change([], { kind: "pause", status: "paused" });
    expect(await ask("gameState:update", update("u1", "2"))).toMatchObject({ error: { details: { reason: "SESSION_PAUSED" } } });
  });

  it("tells what is missed, or everything when that is too much or of another epoch", async () => {
    const { gameStateHash: hash, epoch } = gateway.session.state({});
    const held = { sessionId: "session-1", version: "0", hash, epoch };
    expect(await ask("gameState:requestFull", held)).toMatchObject({ notModified: true });
    for (let index = 0; index < 2; index++) gateway.change([{ path: "pluginData.y", operation: "inc", value: 1 }]);
    expect(await ask("gameState:requestFull", held)).toMatchObject({ updates: [{ newVersion: "1" }, { newVersion: "2" }] });
    gateway.change([{ path: "pluginData.y", operation: "inc", value: 1 }]);
    expect(await ask("gameState:requestFull", held)).toHaveProperty("gameState");
    gateway.session.newEpoch();
    expect(await ask("gameState:requestFull", { ...held, version: "3", hash: gateway.session.game.hash() })).toHaveProperty("gameState");
  });

  it("lets only members in, and only the game master update", async () => {
    expect(await ask("gameSession:join", "other")).toMatchObject({ error: { code: "SESSION_NOT_FOUND" } });
    const player = new Connection({ transport: gateway.transport, token: () => "ana" });
    const stranger = new Connection({ transport: gateway.transport, token: () => "eve" });
    player.start();
    stranger.start();
    await vi.advanceTimersByTimeAsync(10);
    const answers = Promise.all([
      player.request("gameSession:join", "session-1"),
      player.request("gameState:update", update("u", "0")),
      stranger.request("gameSession:join", "session-1"),
    ]);
    await vi.advanceTimersByTimeAsync(10);
    expect(await answers).toMatchObject([{ success: true }, { error: { code: "PERMISSION_DENIED" } }, { error: { code: "PERMISSION_DENIED" } }]);
    expect(gateway.present).toEqual(["ana"]);
    player.stop();
    stranger.stop();
  });

  it("hands chat to whom it is for, and to who said it", async () => {
    const ana = new Connection({ transport: gateway.transport, token: () => "ana" });
    const heard: string[] = [];
    connection.onEvent("chat", ({ message }) => heard.push(`gm ${message}`));
    ana.onEvent("chat", ({ message, sender }) => heard.push(`ana ${message} from ${sender.name}`));
    ana.start();
    await vi.advanceTimersByTimeAsync(10);
    for (const one of [connection, ana]) {
      void one.request("gameSession:join", "session-1");
      await vi.advanceTimersByTimeAsync(10);
    }
    const say = (from: Connection, message: string, recipient: ChatRecipient) => from.request("chat", { sessionId: "session-1", message, recipient });
    void say(connection, "to all", { type: "session" });
    void say(ana, "to herself", { type: "user", id: "ana" });
    void say(connection, "to himself", { type: "gm" });
    await vi.advanceTimersByTimeAsync(10);
    expect(heard.sort()).toEqual(["ana to all from gm", "ana to herself from ana", "gm to all", "gm to himself"]);
    ana.stop();
    await vi.advanceTimersByTimeAsync(10);
  });

  describe("makes a fault as it is told", () => {
    let heard: string[];
    const inc = (): StateUpdateBroadcast => gateway.change([{ path: "pluginData.n", operation: "inc", value: 1 }]);

    beforeEach(async () => {
      heard = [];
      connection.onEvent("gameState:updated", ({ newVersion }) => heard.push(newVersion));
      await ask("gameSession:join", "session-1");
    });

    it("drop: a broadcast is lost", async () => {
      gateway.faults = { ...gateway.faults, drop: 1 };
      inc();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(heard).toEqual([]);
    });

    it("duplicate: a broadcast comes twice", async () => {
      gateway.faults = { ...gateway.faults, duplicate: 1 };
      inc();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(heard).toEqual(["1", "1"]);
    });

    it("reorder: broadcasts overtake each other, and none is lost", async () => {
      gateway.faults = { ...gateway.faults, reorder: 1 };
      const versions = Array.from({ length: 20 }, () => inc().newVersion);
      await vi.advanceTimersByTimeAsync(1_000);
      expect(heard).not.toEqual(versions);
      expect(heard.toSorted((a, b) => Number(a) - Number(b))).toEqual(versions);
    });

    it("delay: all that is said takes so long, in its order", async () => {
      gateway.faults = { ...gateway.faults, delayMs: [200, 300] };
      const versions = Array.from({ length: 5 }, () => inc().newVersion);
      await vi.advanceTimersByTimeAsync(199);
      expect(heard).toEqual([]);
      await vi.advanceTimersByTimeAsync(101);
      expect(heard).toEqual(versions);
    });

    it("conflict: somebody else is faster", async () => {
      gateway.faults = { ...gateway.faults, conflict: 1 };
      expect(await ask("gameState:update", update("u1", "0"))).toMatchObject({ error: { code: "VERSION_CONFLICT", currentVersion: "1" } });
    });

    it("disconnect: the connection breaks, as often before an update is committed as after", async () => {
      gateway.faults = { ...gateway.faults, disconnect: 1 };
      const committed = new Set<boolean>();
      for (let attempt = 0; attempt < 20; attempt++) {
        const { version } = gateway.session;
        const lost = expect(connection.request("gameState:update", update(`u${attempt}`, version))).rejects.toMatchObject({ name: "NoAnswer", why: "lost" });
        await vi.advanceTimersByTimeAsync(20_000);
        await lost;
        committed.add(gateway.session.version !== version);
        expect(connection.state.name).toBe("open");
      }
      expect(committed.size).toBe(2);
    });

    it("loseAnswer: an update is committed, and its answer never comes", async () => {
      gateway.faults = { ...gateway.faults, loseAnswer: 1 };
      const silent = expect(connection.request("gameState:update", update("u1", "0"))).rejects.toMatchObject({ name: "NoAnswer", why: "deadline" });
      await vi.advanceTimersByTimeAsync(20_000);
      await silent;
      expect(gateway.session.version).toBe("1");
      expect(connection.state.name).toBe("open");
    });
  });

  it("takes a fresh token of the same user on the open connection, and no other's", async () => {
    expect(await ask("auth:refresh", { token: "gm" })).toMatchObject({ success: true });
    expect(await ask("auth:refresh", { token: "ana" })).toMatchObject({ error: { code: "PERMISSION_DENIED" } });
    expect(connection.state.name).toBe("open");
  });
});
