import type { ServerGameState } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { nextTick } from "vue";
import { describe, expect, it, vi } from "vitest";

import InitiativeTracker from "../src/components/encounter/InitiativeTracker.vue";
import TokenList from "../src/components/encounter/TokenList.vue";
import LeaveTable from "../src/components/inspector/LeaveTable.vue";
import ItemList from "../src/components/lists/ItemList.vue";
import TokenOverlay from "../src/components/map/TokenOverlay.vue";
import HitPoints from "../src/components/sheet/HitPoints.vue";
import SyncChip from "../src/components/bar/SyncChip.vue";
import { storeLink } from "../src/session/link.ts";
import { useAuthStore } from "../src/stores/auth.ts";
import { useChatStore } from "../src/stores/chat.ts";
import { useNotificationsStore } from "../src/stores/notifications.ts";
import { useUpdatesStore } from "../src/stores/updates.ts";
import { eventually } from "./support/eventually.ts";
import { stage } from "./support/stage.ts";

const STATE: ServerGameState = {
  characters: [{ id: "hero", name: "Hero", ownerId: "ana", pluginData: { hitPoints: { current: 10, maximum: 20, temporary: 2 }, conditions: [] } }],
  actors: [{ id: "orc", name: "Orc", pluginData: { hitPoints: { current: 15, maximum: 15 } } }],
  items: [
    { id: "rope", name: "Rope", ownerId: "hero", pluginData: { kind: "gear" } },
    { id: "axe", name: "Éclair Axe", ownerId: "orc", pluginData: { kind: "weapon" } },
  ],
  currentEncounter: {
    id: "fight",
    name: "Fight",
    turns: { round: 1, current: 0, order: [{ id: "hero", initiative: 18 }, { id: "orc", initiative: 3 }] },
    tokens: [
      { id: "t-hero", name: "Hero", documentType: "character", documentId: "hero", position: { x: 1, y: 1 }, disposition: "friendly", bar: { shown: "everyone" } },
      { id: "t-orc", name: "Orc", documentType: "actor", documentId: "orc", position: { x: 4, y: 1 }, disposition: "hostile", isVisible: false },
    ],
  },
  pluginData: {},
};

const at = stage(STATE);
const { sitDown, mount } = at;

describe("the initiative tracker", () => {
  it("gives the game master the next turn, and everybody the new order", async () => {
    await sitDown("gm");
    const host = mount(InitiativeTracker, { encounter: useGameStateStore().currentEncounter });
    expect(host.querySelector("[aria-current=step]")?.getAttribute("data-turn")).toBe("hero");
    host.querySelector<HTMLButtonElement>('[data-act="next-turn"]')!.click();
    await eventually(() => {
      expect(host.querySelector("[aria-current=step]")?.getAttribute("data-turn")).toBe("orc");
    });
    host.querySelector<HTMLButtonElement>('[data-act="next-turn"]')!.click();
    await eventually(() => {
      expect(host.querySelector("#round")?.textContent).toBe("2");
    });
  });

  it("shows a player neither who is hidden nor how to change anything", async () => {
    await sitDown("ana");
    const host = mount(InitiativeTracker, { encounter: useGameStateStore().currentEncounter });
    expect([...host.querySelectorAll("[data-turn]")].map((row) => row.getAttribute("data-turn"))).toEqual(["hero"]);
    expect(host.querySelector('[data-act="next-turn"]')).toBeNull();
  });
});

describe("the tokens", () => {
  it("are shown and hidden by the game master, and then seen by players", async () => {
    await sitDown("gm");
    const host = mount(TokenList);
    host.querySelector<HTMLButtonElement>('[aria-label="Show Orc to players"]')!.click();
    await eventually(() => {
      expect(host.querySelector('[aria-label="Hide Orc from players"]')).not.toBeNull();
    });
    expect(at.gateway.session.game.root.currentEncounter).toMatchObject({ tokens: [{}, { isVisible: true }] });
  });
});

describe("a token's twin on the map", () => {
  it("walks by the arrow keys as far as all of it stays on the map, and is brought onto the screen", async () => {
    await sitDown("gm");
    const [moved, reached] = [vi.fn(), vi.fn()];
    const ogre = { id: "t-ogre", name: "Ogre", of: "actors", entityId: "orc", x: 4, y: 1, elevation: 0, size: 2, isVisible: true, disposition: "hostile", conditions: [] };
    const looks = [{ token: ogre, isSelected: false, isPending: false }];
    const host = mount(TokenOverlay, { looks, view: { x: 0, y: 0, scale: 1 }, map: { width: 6, height: 4 }, onMove: moved, onReach: reached });
    const twin = host.querySelector<HTMLButtonElement>("[data-token=t-ogre]")!;
    twin.focus();
    expect(reached).toHaveBeenLastCalledWith(expect.objectContaining({ x: 4, y: 1, size: 2 }));
    for (const key of ["ArrowRight", "ArrowDown"]) twin.dispatchEvent(new KeyboardEvent("keydown", { key }));
    expect(moved.mock.calls).toEqual([["t-ogre", { x: 4, y: 2 }]]);
    expect(reached).toHaveBeenLastCalledWith({ x: 4, y: 2, size: 2 });
  });
});

describe("hit points", () => {
  async function hurt(host: HTMLElement, amount: string): Promise<void> {
    const field = host.querySelector<HTMLInputElement>("[name=amount]")!;
    field.value = amount;
    field.dispatchEvent(new Event("input"));
    await nextTick();
    host.querySelector<HTMLButtonElement>('[data-act="damage"]')!.click();
  }

  it("lose temporary ones first, by the rules, and are asked again when somebody else was faster", async () => {
    await sitDown("gm");
    const game = useGameStateStore();
    const host = mount(HitPoints, { entity: game.characters[0], place: { of: "characters", id: "hero" }, mayChange: true });
    at.gateway.change([{ path: ["characters", { id: "hero" }, "pluginData", "hitPoints", "current"], operation: "set", value: 9 }]);
    await hurt(host, "5");
    await eventually(() => {
      expect(at.gateway.session.game.root.characters[0]).toMatchObject({ pluginData: { hitPoints: { current: 6, temporary: 0 } } });
    });
    await eventually(() => {
      expect(host.querySelector("[data-field=hit-points]")?.textContent).toBe("6");
    });
    expect(useNotificationsStore().toasts).toEqual([]);
  });

  it("have no form for a player", async () => {
    await sitDown("ana");
    const host = mount(HitPoints, { entity: useGameStateStore().characters[0], place: { of: "characters", id: "hero" }, mayChange: false });
    expect(host.querySelector("form")).toBeNull();
  });
});

describe("the lists", () => {
  it("find items whatever the accents, and show players only what the party carries", async () => {
    await sitDown("gm");
    const host = mount(ItemList);
    const search = host.querySelector<HTMLInputElement>("[name=search]")!;
    search.value = "eclair orc";
    search.dispatchEvent(new Event("input"));
    await nextTick();
    expect([...host.querySelectorAll("[data-item]")].map((row) => row.getAttribute("data-item"))).toEqual(["axe"]);
    await useGameStateStore().leaveSession();
    at.connection.stop();
    await sitDown("ana");
    const players = mount(ItemList);
    expect([...players.querySelectorAll("[data-item]")].map((row) => row.getAttribute("data-item"))).toEqual(["rope"]);
  });
});

describe("the sync state", () => {
  it("is in words: live with a verified version, and lost", async () => {
    await sitDown("ana");
    const host = mount(SyncChip);
    const chip = host.querySelector("#connection")!;
    expect(chip.getAttribute("data-state")).toBe("live");
    expect(chip.getAttribute("aria-label")).toContain("hash verified");
    at.connection.stop();
    await nextTick();
    expect(chip.textContent).toContain("Offline");
  });

  it("counts each version once, with the time since the game master's click where the id tells it", async () => {
    await sitDown("ana");
    const updates = useUpdatesStore();
    const stop = updates.follow();
    at.gateway.change([{ path: "pluginData.a", operation: "set", value: 1 }]);
    at.gateway.change([{ path: "pluginData.a", operation: "set", value: 2 }]);
    await eventually(() => {
      expect(updates.total).toBe(2);
    });
    expect(updates.unverified).toBe(0);
    expect(updates.last).toMatchObject({ verified: true, latencyMs: undefined });
    stop();
  });
});

it("a table that is left is forgotten: link, state and chat", async () => {
  storeLink({ sessionId: "session-1", token: `e30.${btoa('{"sub":"ana"}')}.x` });
  await sitDown("ana");
  const [auth, chat, game] = [useAuthStore(), useChatStore(), useGameStateStore()];
  await chat.say("Well met!", { type: "session" });
  await eventually(() => {
    expect(Object.keys(localStorage)).toContainEqual(expect.stringMatching(/^stateward.chat:/));
  });
  const host = mount(LeaveTable);
  host.querySelector<HTMLButtonElement>("[data-confirm=leave]")!.click();
  await eventually(() => {
    expect(auth.link).toBeUndefined();
  });
  expect([game.gameState, chat.lines, Object.keys(sessionStorage), Object.keys(localStorage)]).toEqual([null, [], [], []]);
});

it("the same thing said twice stands once, and a toast can be taken away", () => {
  vi.useFakeTimers();
  const { tell, dismiss } = useNotificationsStore();
  tell("bad", "No");
  tell("bad", "No");
  const [toast] = useNotificationsStore().toasts;
  expect(toast).toMatchObject({ title: "No", times: 2 });
  dismiss(toast!.id);
  expect(useNotificationsStore().toasts).toEqual([]);
  tell("good", "Yes");
  vi.advanceTimersByTime(60_000);
  expect(useNotificationsStore().toasts).toEqual([]);
  vi.useRealTimers();
});
