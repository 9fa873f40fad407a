import "fake-indexeddb/auto";
import { createPinia, setActivePinia, storeToRefs } from "pinia";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { isReactive, nextTick, toRaw, watch } from "vue";

import { canonicalize, Connection, type ServerGameState, type StateOperation } from "../src/index.ts";
import { BrowserKeep, useGameSessionStore, useGameStateStore, watchInDevtools, type GameStateStore, type Keep } from "../src/pinia/index.ts";
import { FakeGateway } from "../src/testing/index.ts";
import { eventually } from "./support/eventually.ts";

const SESSION = "session-1";
const hit = (hp: number): StateOperation[] => [{ path: "characters.{id:a}.hp", operation: "set", value: hp }];

let gateway: FakeGateway;
let connections: Connection[];
let stored: Map<string, string>;
let stores: GameStateStore[];

beforeEach(() => {
  const characters = [{ id: "a", hp: 10 }, { id: "b", hp: 20 }];
  gateway = new FakeGateway({ participantIds: ["ana"], gameState: { characters } });
  connections = [];
  stores = [];
  stored = new Map();
});

afterEach(async () => {
  for (const store of stores) await store.logout();
  for (const connection of connections) connection.stop();
  vi.restoreAllMocks();
});

function keepOf(userId: string, onFault?: (error: unknown) => void): BrowserKeep {
  const localStorage = {
    getItem: (key: string) => stored.get(key) ?? null,
    setItem: (key: string, value: string) => void stored.set(key, value),
    removeItem: (key: string) => void stored.delete(key),
  };
  return new BrowserKeep({ userId, origin: "https://play.example", localStorage, ...(onFault === undefined ? {} : { onFault }) });
}

/** A page of its own. */
function open(userId: string, keep?: Keep): GameStateStore {
  setActivePinia(createPinia());
  const store = useGameStateStore();
  stores.push(store);
  const connection = new Connection({ transport: gateway.transport, token: () => userId, backoffBaseMs: 5 });
  connections.push(connection);
  store.connect({ connection, userId, keepMs: 5, ...(keep === undefined ? {} : { keep }) });
  return store;
}

async function joined(userId: string, keep?: Keep): Promise<GameStateStore> {
  const store = open(userId, keep);
  connections.at(-1)!.start();
  await store.joinSession(SESSION);
  return store;
}

it("the session's store says how it is with the game master, also to one who comes late", async () => {
  gateway.gmConnection = { connected: true, since: 5, silentSince: 20 };
  const player = await joined("ana");
  const metadata = useGameSessionStore();
  expect([metadata.gameMaster, metadata.gmConnection]).toEqual(["silent", { connected: true, since: 5, silentSince: 20 }]);
  gateway.say("gm:connection-status", { connected: false, since: 30 });
  await eventually(() => {
    expect(metadata.gameMaster).toBe("gone");
  });
  gateway.say("gm:connection-status", { connected: true, since: 40 });
  await eventually(() => {
    expect(metadata.gameMaster).toBe("here");
  });
  await player.leaveSession();
  expect(metadata.gameMaster).toBeNull();
});

describe("the game state store", () => {
  it("has the names of the plan, empty before a session", () => {
    const names = ["gameState", "gameStateVersion", "gameStateHash", "sessionId", "isGM", "selectedCharacter", "loading", "error", "isUpdating"];
    const refs = storeToRefs(open("gm"));
    expect(Object.keys(refs)).toEqual(expect.arrayContaining([...names, "updateQueue", "characters", "actors", "items", "currentEncounter"]));
    expect([refs.characters.value, refs.actors.value, refs.items.value, refs.currentEncounter.value]).toEqual([[], [], [], null]);
  });

  it("follows the game master step by step: nothing is shown before the server confirmed it", async () => {
    const gm = await joined("gm");
    expect(gm).toMatchObject({ gameStateVersion: "0", isGM: true, loading: false, sessionId: SESSION });
    const result = gm.updateGameState(hit(4));
    // The gateway answers later than all that is due now.
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(gm.characters[0]!["hp"]).toBe(10);
    expect(gm.isUpdating).toBe(true);
    expect(gm.updateQueue).toMatchObject([{ version: "0", source: "gm", operations: [{ value: 4 }] }]);
    expect(await result).toMatchObject({ success: true, newVersion: "1" });
    expect(gm).toMatchObject({ gameStateVersion: "1", gameStateHash: gateway.session.game.hash(), isUpdating: false, updateQueue: [], isVerified: true });
    expect(gm.characters[0]!["hp"]).toBe(4);
  });

  it("changes a player's reactive state in place: only what changed is seen to change", async () => {
    const player = await joined("ana");
    expect(isReactive(player.gameState)).toBe(true);
    const { characters } = player;
    const [seen, unseen, whole] = [vi.fn(), vi.fn(), vi.fn()];
    watch(() => player.characters[0]?.["hp"], seen);
    watch(() => player.characters[1], unseen, { deep: true });
    watch(() => player.gameState, whole);
    gateway.change(hit(7));
    await eventually(() => {
      expect(player.gameStateVersion).toBe("1");
    });
    await nextTick();
    expect(seen).toHaveBeenCalledExactlyOnceWith(7, 10, expect.anything());
    expect(unseen).not.toHaveBeenCalled();
    expect(whole).not.toHaveBeenCalled();
    expect(player.characters).toBe(characters);
    expect(player.gameStateHash).toBe(gateway.session.game.hash());
  });

  it("sends nothing for a player, and nothing without a session", async () => {
    const decide = vi.spyOn(gateway.session, "decide");
    expect(await open("gm").updateGameState(hit(1))).toMatchObject({ error: { details: { reason: "NOT_JOINED" } } });
    const player = await joined("ana");
    expect(await player.updateGameState(hit(1))).toMatchObject({ success: false, error: { code: "PERMISSION_DENIED" } });
    expect(player.error).toMatch(/game master/);
    expect(decide).not.toHaveBeenCalled();
  });

  it("merges a full refresh after a reconnect, and replaces nothing when nothing happened", async () => {
    const player = await joined("ana");
    const { gameState } = player;
    const before = player.characters[1];
    gateway.session.newEpoch();
    gateway.session.commit(hit(3));
    gateway.disconnect();
    await eventually(() => {
      expect(player.gameStateVersion).toBe("1");
    });
    expect(player.characters[0]!["hp"]).toBe(3);
    expect(player.gameState).toBe(gameState);
    expect(player.characters[1]).toBe(before);
    gateway.disconnect();
    await eventually(() => {
      expect(player.state).toBe("live");
    });
    expect(player.gameState).toBe(gameState);
  });

  it("repairs what somebody wrote into the state when the page comes back", async () => {
    const player = await joined("ana");
    player.characters[0]!["hp"] = 999;
    expect(await player.refresh()).toBe(false);
    await eventually(() => {
      expect(player.characters[0]!["hp"]).toBe(10);
    });
  });

  it("keeps the selected character by its id, and lets go of it when it is gone", async () => {
    const gm = await joined("gm");
    gm.selectedCharacter = gm.characters[1]!;
    await gm.updateGameState([{ path: "characters.0", operation: "unset" }]);
    expect(gm.selectedCharacter).toMatchObject({ id: "b" });
    await gm.updateGameState([{ path: "characters.0", operation: "unset" }]);
    expect(gm.selectedCharacter).toBeNull();
  });

  it("says why a session is not open to it", async () => {
    const stranger = open("eve");
    connections.at(-1)!.start();
    await expect(stranger.joinSession(SESSION)).rejects.toThrow("PERMISSION_DENIED");
    expect(stranger).toMatchObject({ loading: false, gameState: null });
  });

  it("fills the session's own store with metadata and no entities, and follows its status and its game master", async () => {
    const gm = await joined("gm");
    const session = useGameSessionStore();
    expect(session).toMatchObject({ status: "active", gameMasterId: "gm", campaignId: "campaign-1", participants: [{ userId: "ana" }] });
    expect(Object.keys(session.session!)).not.toEqual(expect.arrayContaining(["characters"]));
    gateway.change([], { kind: "hand-over", gameMasterId: "ana" });
    await eventually(() => {
      expect(session.gameMasterId).toBe("ana");
    });
    expect(gm.isGM).toBe(false);
  });

  it("shows each version on the timeline of the devtools", async () => {
    const gm = await joined("gm");
    const api = { addTimelineLayer: vi.fn(), addTimelineEvent: vi.fn() };
    const end = watchInDevtools(api, gm, () => 5);
    await gm.updateGameState(hit(4));
    end();
    await gm.updateGameState(hit(5));
    expect(api.addTimelineEvent).toHaveBeenCalledExactlyOnceWith({
      layerId: "stateward:updates",
      event: expect.objectContaining({ time: 5, title: "version 1", subtitle: "set characters.0.hp" }) as object,
    });
  });
});

describe("what is kept", () => {
  it("is shown before the network answers, with what is not kept reset", async () => {
    const first = await joined("gm", keepOf("gm"));
    await first.updateGameState(hit(4));
    first.selectedCharacter = first.characters[0]!;
    await first.save();
    const again = open("gm", keepOf("gm"));
    expect(keepOf("gm").lastSession()).toEqual({ sessionId: SESSION, isGM: true, gameStateVersion: "1", gameStateHash: gateway.session.game.hash() });
    const joining = again.joinSession(SESSION);
    await eventually(() => {
      expect(again.gameStateVersion).toBe("1");
    });
    expect(connections.at(-1)!.state.name).toBe("stopped");
    expect(again).toMatchObject({ isGM: true, selectedCharacter: null, error: null, isUpdating: false, gameState: { characters: [{ hp: 4 }, {}] } });
    connections.at(-1)!.start();
    await joining;
    expect(again.state).toBe("live");
  });

  it("is apart for each user, and gone after that user's logout alone", async () => {
    const [gm, player] = [await joined("gm", keepOf("gm")), await joined("ana", keepOf("ana"))];
    await gm.save();
    await player.save();
    await player.logout();
    expect(player.gameState).toBeNull();
    expect(await keepOf("ana").load(SESSION)).toBeUndefined();
    expect(keepOf("ana").lastSession()).toBeUndefined();
    expect(await keepOf("gm").load(SESSION)).toMatchObject({ version: "0" });
    await gm.logout();
  });

  it("is not shown when it is not what its hash says", async () => {
    const keep = keepOf("gm");
    const first = await joined("gm", keep);
    await first.save();
    const kept = (await keep.load(SESSION))!;
    const forged = { ...(JSON.parse(new TextDecoder().decode(kept.canonical)) as ServerGameState), items: [{ id: "forged" }] };
    for (const canonical of [new TextEncoder().encode(canonicalize(forged)), kept.canonical.slice(1), undefined as never]) {
      await keep.save(keep.lastSession()!, { ...kept, canonical });
      const again = open("gm", keep);
      const shown: unknown[] = [];
      watch(() => again.gameState, (state) => shown.push(structuredClone(toRaw(state))), { flush: "sync" });
      connections.at(-1)!.start();
      await again.joinSession(SESSION);
      expect(shown).toEqual([gateway.session.game.root]);
      await again.leaveSession();
    }
  });

  it("is copied less often the longer a copy takes", async () => {
    const saves: string[] = [];
    const keep: Keep = { lastSession: () => undefined, load: () => Promise.resolve(undefined), wipe: () => Promise.resolve(), save: ({ gameStateVersion }) => Promise.resolve(void saves.push(gameStateVersion!)) };
    let clock = 0;
    const now = vi.spyOn(performance, "now").mockImplementation(() => clock);
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const gm = open("gm", keep);
      connections.at(-1)!.start();
      const joining = gm.joinSession(SESSION);
      await vi.advanceTimersByTimeAsync(50);
      await joining;
      // Each look at the clock is 100 ms later: so long takes a copy.
      now.mockImplementation(() => (clock += 100));
      for (let second = 0; second < 10; second++) {
        void gm.updateGameState(hit(second));
        await vi.advanceTimersByTimeAsync(1_000);
      }
      expect(saves.length).toBeGreaterThan(1);
      expect(saves.length).toBeLessThanOrEqual(4);
    } finally {
      vi.useRealTimers();
    }
  });

  it("is given up with a word when there is no room, and the session goes on", async () => {
    const onFault = vi.fn();
    const keep = keepOf("gm", onFault);
    vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    const gm = await joined("gm", keep);
    await gm.save();
    expect(await gm.updateGameState(hit(1))).toMatchObject({ success: true });
    await gm.save();
    expect(onFault).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ name: "QuotaExceededError" }));
  });
});
