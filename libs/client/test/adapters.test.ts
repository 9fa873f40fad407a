import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { canonicalize, emptyState, fromDifference, fromJsonPatch, GameState, NO_LIMITS, Rejection, type JsonPatchOperation, type ServerGameState } from "../src/index.ts";
import { anyOperation, anyState, Random } from "./support/generate.ts";

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });

function validState(random: Random): GameState {
  for (;;) {
    try {
      return GameState.from(anyState(random));
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
    }
  }
}

describe("a difference of two states", () => {
  it("leads from the one to the other, whatever they are", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = new Random(seed);
        const before = validState(random);
        const after = validState(random);
        const game = GameState.from(before.root, NO_LIMITS);
        game.apply(fromDifference(before.root, after.root));
        expect(canonicalize(game.root)).toBe(canonicalize(after.root));
      }),
      { numRuns: 400 },
    );
  });

  it("leads over the changes of an update, and is empty where there are none", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = new Random(seed);
        const before = validState(random);
        const after = GameState.from(before.root);
        try {
          after.applyText(JSON.stringify([anyOperation(random, after.root as never)]));
        } catch (error) {
          if (!(error instanceof Rejection)) throw error;
          expect(fromDifference(before.root, after.root)).toEqual([]);
        }
        const game = GameState.from(before.root, NO_LIMITS);
        game.apply(fromDifference(before.root, after.root));
        expect(game.hash()).toBe(after.hash());
      }),
      { numRuns: 400 },
    );
  });

  it("does not rewrite the elements behind one that goes or comes", () => {
    const before: ServerGameState = { ...emptyState(), items: ["a", "b", "c", "d"].map((id) => ({ id, weight: 1 })) };
    const after: ServerGameState = { ...emptyState(), items: ["b", "x", "c", "d"].map((id) => ({ id, weight: id === "d" ? 2 : 1 })) };
    expect(fromDifference(before, after)).toEqual([
      { path: "items.0", operation: "unset" },
      { path: "items", operation: "push", value: { id: "x", weight: 1 }, index: 1 },
      { path: "items.3.weight", operation: "set", value: 2 },
    ]);
  });
});

describe("a JSON Patch", () => {
  const state = (): ServerGameState => ({
    characters: [{ id: "a", "x/y": 1, "m~n": 2, tags: ["p", "q", "r"] }, { id: "b" }],
    actors: [],
    items: [{ id: "i", weight: 3 }],
    currentEncounter: null,
    pluginData: { "a.b": { c: 1 } },
  });

  function patched(patch: JsonPatchOperation[]): ServerGameState {
    const game = GameState.from(state());
    game.apply(fromJsonPatch(game.root, patch));
    return game.root;
  }

  it.each<[name: string, patch: JsonPatchOperation[], check: (state: ServerGameState) => unknown, result: unknown]>([
    ["adds a member", [{ op: "add", path: "/characters/0/hp", value: 5 }], (s) => s.characters[0]!["hp"], 5],
    ["inserts before an element", [{ op: "add", path: "/characters/0/tags/1", value: "x" }], (s) => s.characters[0]!["tags"], ["p", "x", "q", "r"]],
    ["appends with -", [{ op: "add", path: "/characters/0/tags/-", value: "x" }], (s) => s.characters[0]!["tags"], ["p", "q", "r", "x"]],
    ["removes an element", [{ op: "remove", path: "/characters/0/tags/0" }], (s) => s.characters[0]!["tags"], ["q", "r"]],
    ["replaces under an escaped key", [{ op: "replace", path: "/characters/0/x~1y", value: 7 }], (s) => s.characters[0]!["x/y"], 7],
    ["replaces under a key with a dot", [{ op: "replace", path: "/pluginData/a.b/c", value: 7 }], (s) => s.pluginData["a.b"], { c: 7 }],
    ["moves within an array", [{ op: "move", from: "/characters/0/tags/0", path: "/characters/0/tags/2" }], (s) => s.characters[0]!["tags"], ["q", "r", "p"]],
    ["moves a member", [{ op: "move", from: "/items/0/weight", path: "/pluginData/weight" }], (s) => [s.items, s.pluginData["weight"]], [[{ id: "i" }], 3]],
    ["copies", [{ op: "copy", from: "/items/0", path: "/items/-" }], (s) => s.items.length, 2],
    ["tests and goes on", [{ op: "test", path: "/items/0/weight", value: 3 }, { op: "replace", path: "/items/0/weight", value: 4 }], (s) => s.items[0]!["weight"], 4],
    [
      "sees what its earlier steps did",
      [{ op: "add", path: "/items/0", value: { id: "j" } }, { op: "remove", path: "/items/1" }, { op: "add", path: "/items/0/weight", value: 1 }],
      (s) => s.items,
      [{ id: "j", weight: 1 }],
    ],
  ])("%s", (_name, patch, check, result) => {
    expect(check(patched(patch))).toEqual(result);
  });

  it.each<[name: string, patch: JsonPatchOperation, reason: string]>([
    ["a test that fails", { op: "test", path: "/items/0/weight", value: 4 }, "NO_MATCH"],
    ["a removal of nothing", { op: "remove", path: "/items/0/size" }, "MISSING_LEVEL"],
    ["a replacement of nothing", { op: "replace", path: "/items/5", value: {} }, "MISSING_LEVEL"],
    ["an addition below nothing", { op: "add", path: "/pluginData/none/x", value: 1 }, "MISSING_LEVEL"],
    ["an addition past the end", { op: "add", path: "/items/3", value: {} }, "INDEX_OUT_OF_RANGE"],
    ["the whole document", { op: "replace", path: "", value: {} }, "BAD_PATH"],
    ["a move into itself", { op: "move", from: "/pluginData", path: "/pluginData/x" }, "BAD_PATH"],
    ["a prototype", { op: "add", path: "/__proto__/polluted", value: 1 }, "FORBIDDEN_KEY"],
    ["the last of the five keys", { op: "remove", path: "/items" }, "BAD_STRUCTURE"],
  ])("is refused for %s, naming the step", (_name, step, reason) => {
    const held = state();
    expect(() => fromJsonPatch(held, [{ op: "add", path: "/pluginData/first", value: 1 }, step])).toThrow(
      expect.objectContaining({ reason, operation: 1, path: step.path }),
    );
    expect(held).toEqual(state());
  });
});
