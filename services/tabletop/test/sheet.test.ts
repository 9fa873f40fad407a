import type { ServerGameState } from "@stateward/client";
import { useGameSessionStore, useGameStateStore } from "@stateward/client/pinia";
import { describe, expect, it, vi } from "vitest";
import { nextTick } from "vue";

import PresenceRow from "../src/components/bar/PresenceRow.vue";
import SessionControls from "../src/components/bar/SessionControls.vue";
import ChatPanel from "../src/components/chat/ChatPanel.vue";
import EncounterDetail from "../src/components/encounter/EncounterDetail.vue";
import ActionList from "../src/components/sheet/ActionList.vue";
import HitPoints from "../src/components/sheet/HitPoints.vue";
import InventoryList from "../src/components/sheet/InventoryList.vue";
import { SESSION } from "../src/composables/useSession.ts";
import { useSessionNews } from "../src/composables/useSessionNews.ts";
import type { OpenSession } from "../src/session/open.ts";
import { useChatStore } from "../src/stores/chat.ts";
import { useGestureStore } from "../src/stores/gesture.ts";
import { useLayoutStore } from "../src/stores/layout.ts";
import { useNotificationsStore } from "../src/stores/notifications.ts";
import { usePresenceStore } from "../src/stores/presence.ts";
import { eventually } from "./support/eventually.ts";
import { stage } from "./support/stage.ts";

const STATE: ServerGameState = {
  characters: [
    {
      id: "hero",
      name: "Hero",
      ownerId: "ana",
      inventory: [
        { itemId: "rope", quantity: 2, equipped: false },
        { itemId: "sword", quantity: 1, equipped: true },
      ],
      pluginData: {
        level: 3,
        abilities: { strength: 18, dexterity: 10, constitution: 14, intelligence: 10, wisdom: 10, charisma: 10 },
        armorClass: 16,
        hitPoints: { current: 4, maximum: 30, temporary: 3 },
        hitDice: { sides: 10, left: 2 },
        conditions: [],
      },
    },
  ],
  actors: [{ id: "post", name: "Post", pluginData: { armorClass: 1, hitPoints: { current: 50, maximum: 50, temporary: 0 }, conditions: [] } }],
  items: [
    { id: "rope", name: "Rope", pluginData: { kind: "gear", weight: 10 } },
    { id: "sword", name: "Sword", pluginData: { kind: "weapon", damage: "1d8", damageType: "slashing", weight: 3 } },
  ],
  currentEncounter: {
    id: "fight",
    name: "Fight at the post",
    status: "active",
    description: "Somebody drove a post into the causeway.",
    map: { width: 12, height: 8, grid: { feet: 5 } },
    regions: [
      { id: "mud", name: "Mud", ground: "water", effects: ["difficult terrain"], shape: { kind: "rectangle", x: 1, y: 1, width: 2, height: 2 } },
      { id: "pit", name: "Pit", ground: "deep", effects: ["falls 10 ft"], isVisible: false, shape: { kind: "circle", x: 5, y: 5, radius: 1 } },
    ],
    effects: [{ id: "bless", name: "Bless", roundsLeft: 7, concentration: true }],
    log: [
      { id: "l1", round: 1, tokenId: "t-hero", text: "strikes the post.", isPublic: true },
      { id: "l2", round: 1, tokenId: "t-post", text: "is a mimic.", isPublic: false },
    ],
    pluginData: { "dnd-5e-2024": { difficulty: "low", experience: 50, lairAction: { text: "The post creaks." } } },
    tokens: [
      { id: "t-hero", name: "Hero", documentType: "character", documentId: "hero", position: { x: 1, y: 1 }, disposition: "friendly" },
      { id: "t-post", name: "Post", documentType: "actor", documentId: "post", position: { x: 2, y: 1 }, disposition: "hostile" },
    ],
  },
  pluginData: {},
};
const HERO = { of: "characters", id: "hero" };

const at = stage(STATE);
const { sitDown, mount } = at;

const held = (): Record<string, unknown> => at.gateway.session.game.root.characters[0]!;

describe("the attack form", () => {
  it("strikes the target with a weapon in hand, takes its damage off, and tells the table", async () => {
    await sitDown("gm");
    const game = useGameStateStore();
    // Dice show the face above the middle; ids, which are bytes, stay as they are.
    const really = crypto.getRandomValues.bind(crypto);
    vi.spyOn(crypto, "getRandomValues").mockImplementation((array) => (array instanceof Uint32Array ? array.fill(2 ** 31) : really(array)));
    const host = mount(ActionList, { entity: game.characters[0], place: HERO });
    const target = host.querySelector<HTMLSelectElement>("[name=target]")!;
    target.value = "t-post";
    target.dispatchEvent(new Event("change"));
    await nextTick();
    host.querySelector<HTMLFormElement>("form.attack")!.dispatchEvent(new Event("submit"));
    await eventually(() => {
      expect(at.gateway.session.game.root.actors[0]).toMatchObject({ pluginData: { hitPoints: { current: 50 - (5 + 4) } } });
    });
    await eventually(() => {
      expect(useChatStore().lines.at(-1)).toMatchObject({ kind: "said", message: "Hero hits Post with Sword: 17 to hit (11 +6), 9 damage." });
    });
    vi.restoreAllMocks();
  });

  it("is not there for a player", async () => {
    await sitDown("ana");
    const host = mount(ActionList, { entity: useGameStateStore().characters[0], place: HERO });
    expect(host.querySelector("form.attack")).toBeNull();
  });
});

describe("a rest", () => {
  it("that is short spends a hit die and heals its roll, and a long one gives all back", async () => {
    await sitDown("gm");
    const host = mount(HitPoints, { entity: useGameStateStore().characters[0], place: HERO, mayChange: true });
    const [short, long] = host.querySelectorAll<HTMLButtonElement>(".rests button");
    short!.click();
    await eventually(() => {
      expect(held()).toMatchObject({ pluginData: { hitDice: { sides: 10, left: 1 } } });
    });
    const { current } = (held()["pluginData"] as { hitPoints: { current: number } }).hitPoints;
    expect(current).toBeGreaterThanOrEqual(4 + 1 + 2);
    expect(current).toBeLessThanOrEqual(4 + 10 + 2);
    await eventually(() => {
      expect(short!.textContent).toContain("1 left");
    });
    long!.click();
    await eventually(() => {
      expect(held()).toMatchObject({ pluginData: { hitPoints: { current: 30, temporary: 0 }, hitDice: { left: 3 } } });
    });
  });
});

describe("the inventory", () => {
  it("is counted and worn by item, whatever its place in the list has become", async () => {
    await sitDown("gm");
    const host = mount(InventoryList, { entity: useGameStateStore().characters[0], place: HERO, mayChange: true });
    expect(host.textContent).toContain("23 lb carried");
    at.gateway.change([{ path: "characters.0.inventory", operation: "push", value: { itemId: "torch", quantity: 1, equipped: false }, index: 0 }]);
    host.querySelector<HTMLButtonElement>('[data-item="rope"] [aria-label="One more"]')!.click();
    host.querySelector<HTMLButtonElement>('[data-item="rope"] [aria-pressed]')!.click();
    await eventually(() => {
      expect(held()["inventory"]).toEqual([
        { itemId: "torch", quantity: 1, equipped: false },
        { itemId: "rope", quantity: 3, equipped: true },
        { itemId: "sword", quantity: 1, equipped: true },
      ]);
    });
    await eventually(() => {
      expect(host.querySelector('[data-item="rope"] [aria-pressed]')?.textContent).toBe("Worn");
    });
  });

  it("has nothing to press for a player", async () => {
    await sitDown("ana");
    const host = mount(InventoryList, { entity: useGameStateStore().characters[0], place: HERO, mayChange: false });
    expect(host.querySelectorAll("button")).toHaveLength(0);
    expect(host.querySelector('[data-item="sword"]')?.textContent).toContain("worn");
  });
});

describe("the details of an encounter", () => {
  it("show a player what is public, and the game master all", async () => {
    await sitDown("gm");
    const all = mount(EncounterDetail, { encounter: useGameStateStore().currentEncounter }).textContent;
    for (const words of ["Somebody drove a post", "12 × 8 squares of 5 ft", "Bless · 7 rounds · concentration", "difficult terrain", "falls 10 ft", "is a mimic", "Low", "The post creaks"]) expect(all).toContain(words);
    await useGameStateStore().leaveSession();
    at.connection.stop();
    await sitDown("ana");
    const some = mount(EncounterDetail, { encounter: useGameStateStore().currentEncounter }).textContent;
    for (const words of ["Bless · 7 rounds", "difficult terrain", "strikes the post"]) expect(some).toContain(words);
    for (const words of ["falls 10 ft", "mimic", "Difficulty", "creaks"]) expect(some).not.toContain(words);
  });
});

describe("the controls of the session", () => {
  it("undo a whole drag at once, and one change of something else", async () => {
    await sitDown("gm");
    const game = useGameStateStore();
    const gesture = useGestureStore();
    const undo = vi.fn(() => Promise.resolve({ success: false, error: { code: "TRANSACTION_FAILED", message: "no REST here", retryable: false, details: {} } }));
    const host = mount(SessionControls, {}, new Map([[SESSION, { sessionId: at.gateway.session.id, commands: { undo }, connection: at.connection }]]));
    const press = async (): Promise<unknown> => {
      await nextTick();
      [...host.querySelectorAll("button")].find(({ textContent }) => textContent === "Undo")!.click();
      await eventually(() => {
        expect([...host.querySelectorAll<HTMLButtonElement>(".set button")].filter(({ disabled }) => disabled).map(({ textContent }) => textContent)).toEqual([]);
      });
      return undo.mock.lastCall;
    };
    const step = async (x: number): Promise<void> => {
      gesture.note(await game.updateGameState([{ path: "currentEncounter.tokens.0.position.x", operation: "set", value: x }]));
    };
    await game.updateGameState([{ path: "pluginData.a", operation: "set", value: 1 }]);
    const before = game.gameStateVersion;
    gesture.begin();
    for (const x of [2, 3, 4]) await step(x);
    expect(await press()).toEqual([at.gateway.session.id, before]);
    const dragged = game.gameStateVersion;
    await game.updateGameState([{ path: "pluginData.a", operation: "set", value: 2 }]);
    expect(await press()).toEqual([at.gateway.session.id, dragged]);
  });
});

describe("the people", () => {
  it("have a game master who does not answer marked also for one who comes late", async () => {
    await sitDown("ana", { connected: true, since: 1, silentSince: 2 });
    const host = mount(PresenceRow);
    const row = (): Element | null => host.querySelector('[data-user="gm"]');
    expect([row()?.className, row()?.getAttribute("data-here")]).toEqual(["silent", "true"]);
    at.gateway.say("heartbeat:reconnection", { gmId: "gm" });
    await eventually(() => {
      expect(row()?.className).toBe("");
    });
  });

  it("are named in the chat of a phone, whose bar has no room for them", async () => {
    await sitDown("ana");
    const host = mount(ChatPanel);
    expect(host.querySelector("[data-user]")).toBeNull();
    useLayoutStore().isPhone = true;
    await nextTick();
    expect([...host.querySelectorAll("[data-user] .name")].map(({ textContent }) => textContent)).toEqual(["gm", "ana"]);
  });

  it("have a game master who is not here as soon as the connection is lost", async () => {
    await sitDown("ana");
    const host = mount(PresenceRow);
    const isHere = (): string | null | undefined => host.querySelector('[data-user="gm"]')?.getAttribute("data-here");
    expect(isHere()).toBe("true");
    at.gateway.say("gm:connection-status", { connected: false, since: 1, graceUntil: Date.now() + 60_000 });
    await eventually(() => {
      expect(isHere()).toBe("false");
    });
    at.gateway.say("gm:connection-status", { connected: true, since: 2 });
    await eventually(() => {
      expect(isHere()).toBe("true");
    });
  });

  it("are known to wait for a game master who is not there", async () => {
    await sitDown("ana", { connected: false });
    expect(usePresenceStore().gameMaster).toBe("gone");
    expect(mount(PresenceRow).querySelector('[data-user="gm"]')?.getAttribute("data-here")).toBe("false");
  });
});

describe("the news", () => {
  it("say that the game master's connection is lost and back, or still and not, each in place of the last, and that a session began", async () => {
    await sitDown("ana");
    mount({ setup: () => (useSessionNews({ connection: at.connection, sessionId: at.gateway.session.id } as OpenSession), () => null) });
    const titles = (): string[] => useNotificationsStore().toasts.map(({ title }) => title);
    at.gateway.say("gm:connection-status", { connected: false, since: Date.now(), graceUntil: Date.now() + 60_000 });
    await eventually(() => {
      expect(titles()).toContain("The game master lost the connection");
    });
    at.gateway.say("gm:connection-status", { connected: true });
    await eventually(() => {
      expect(titles()).toEqual(["The game master is back"]);
    });
    at.gateway.say("heartbeat:timeout", { gmId: "gm", lastHeartbeatAt: 1 });
    await eventually(() => {
      expect(titles()).toEqual(["The game master does not answer"]);
    });
    at.gateway.say("heartbeat:reconnection", { gmId: "gm" });
    await eventually(() => {
      expect(titles()).toEqual(["The game master is back"]);
    });
    // The role went to somebody who is away.
    at.gateway.say("gm:connection-status", { connected: false, since: Date.now() });
    await eventually(() => {
      expect(titles()).toEqual(["The game master is not here"]);
    });
    const { session } = useGameSessionStore();
    useGameSessionStore().session = { ...session!, status: "scheduled" };
    await nextTick();
    useGameSessionStore().session = { ...session!, status: "active" };
    await eventually(() => {
      expect(titles()).toContain("The session begins");
    });
  });
});
