import { describe, expect, it } from "vitest";

import {
  emptyState,
  GameState,
  getActorPluginData,
  getCharacterPluginData,
  getPluginData,
  isCurrentVersion,
  setPluginData,
  updateActorState,
  updateCharacterState,
  validateStateIntegrity,
  generateStateHash,
} from "../src/index.ts";

const character = { id: "c1", pluginData: { hitPoints: 12, spells: [{ id: "s1", level: 3 }], "a.b": 1 } };
const state = () => ({ ...emptyState(), characters: [{ id: "c0" }, structuredClone(character)], actors: [{ id: "m1", pluginData: {} }] });

describe("plugin helpers", () => {
  it("set what is read again, under any id that a key may be", () => {
    for (const id of ["dnd-5e-2024", "a.b", "x[0]", "0"]) {
      const game = GameState.from(state());
      expect(getPluginData(game.root, id)).toBeUndefined();
      game.apply(setPluginData(game.root, id, { round: 1 }));
      expect(getPluginData(game.root, id)).toEqual({ round: 1 });
    }
  });

  it("read below an entity's own plugin data", () => {
    expect(getCharacterPluginData(character, "hitPoints")).toBe(12);
    expect(getCharacterPluginData(character, "spells.0.level")).toBe(3);
    expect(getCharacterPluginData(character, "spells.{id:s1}.level")).toBe(3);
    expect(getCharacterPluginData(character, "/a.b")).toBe(1);
    expect(getActorPluginData(character, "spells[1]")).toBeUndefined();
    expect(getActorPluginData({ id: "m1" }, "hitPoints")).toBeUndefined();
    expect(getActorPluginData(character, "hitPoints.x")).toBeUndefined();
  });

  it("name an entity by its id where there is no state, and by its index where there is", () => {
    const updates = { "pluginData.hitPoints": 3, name: undefined };
    expect(updateCharacterState("c1", updates)).toEqual([
      { path: ["characters", { id: "c1" }, "pluginData", "hitPoints"], operation: "set", value: 3 },
      { path: ["characters", { id: "c1" }, "name"], operation: "unset" },
    ]);
    expect(updateCharacterState(state(), "c1", updates)).toEqual([
      { path: "characters.1.pluginData.hitPoints", operation: "set", value: 3 },
      { path: "characters.1.name", operation: "unset" },
    ]);
    expect(() => updateActorState(state(), "none", updates)).toThrow(RangeError);
  });

  it("do the same to the state both ways", () => {
    for (const operations of [updateActorState("m1", { "pluginData.hp": 4 }), updateActorState(state(), "m1", { "pluginData.hp": 4 })]) {
      const game = GameState.from(state());
      game.apply(operations);
      expect(game.root.actors).toEqual([{ id: "m1", pluginData: { hp: 4 } }]);
    }
  });
});

describe("versions", () => {
  it.each<[current: string | null, base: string, current_: boolean]>([
    [null, "0", true],
    ["0", "0", true],
    ["7", "7", true],
    ["7", "8", false],
    ["7", "6", false],
    ["7", "07", false],
    ["7", "7abc", false],
  ])("an update for the base %2$s meets the current %1$s: %3$s", (current, base, meets) => {
    expect(isCurrentVersion(current, base)).toBe(meets);
  });
});

describe("integrity", () => {
  it("is true for the hash of the state only", () => {
    const hash = generateStateHash(state());
    expect(validateStateIntegrity(state(), hash)).toBe(true);
    expect(validateStateIntegrity({ ...state(), items: [{}] }, hash)).toBe(false);
    expect(validateStateIntegrity(state(), hash.toUpperCase())).toBe(false);
  });

  it("never throws, whatever it is given", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const deep = JSON.parse("[".repeat(100_000) + "]".repeat(100_000)) as unknown;
    const odd = [undefined, null, 1n, Symbol("x"), () => 1, NaN, new Date(), new Map(), "\ud800", { a: undefined }, new Array(2), cycle, deep, new Proxy({}, { ownKeys: () => { throw new Error("no") } })];
    for (const value of odd) {
      for (const hash of ["", "x", null, undefined, {}, generateStateHash(emptyState())]) expect(validateStateIntegrity(value, hash)).toBe(false);
    }
  });
});
