import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { canonicalize, GameState, generateStateHash, parseJson, StateHasher, type JsonValue, type StateOperation } from "../src/index.ts";
import { bsonBytes, countNodes } from "../src/core/value.ts";
import { Random } from "./support/generate.ts";

function expectCoherent(state: GameState): void {
  expect(state.hash()).toBe(generateStateHash(state.root));
  const root = state.root as unknown as JsonValue;
  expect(state.size()).toEqual({ canonicalBytes: Buffer.byteLength(canonicalize(root)), bsonBytes: bsonBytes(root), nodes: countNodes(root) });
}

const token = (index: number): object => ({ id: `t${index}`, name: "é".repeat(index % 50), x: index });

/** Large containers of each kind, on several levels. */
function largeState(random: Random): GameState {
  const keys = Array.from({ length: random.below(400) }, (_, index) => [`k${(index * 7919) % 1000}`, index] as const);
  return GameState.from({
    characters: Array.from({ length: random.below(4) }, (_, index) => ({ id: `c${index}`, notes: "n".repeat(random.below(9000)) })),
    actors: [],
    items: Array.from({ length: random.below(300) }, (_, index) => index % 100),
    currentEncounter: { map: { tokens: Array.from({ length: random.below(300) }, (_, index) => token(index)), name: "z" } },
    pluginData: { table: Object.fromEntries(keys), rows: Array.from({ length: random.below(9) }, () => Array.from({ length: random.below(600) }, () => 7)) },
  });
}

function anyChange(random: Random, { root }: GameState): StateOperation {
  const { tokens } = (root.currentEncounter as { map: { tokens: unknown[] } }).map;
  const rows = root.pluginData["rows"] as unknown[];
  const key = `pluginData.table.k${random.below(1000)}`;
  const place = `currentEncounter.map.tokens.${random.below(tokens.length)}`;
  const numbers = { path: rows.length === 0 ? "items" : `pluginData.rows.${random.below(rows.length)}`, list: (rows[0] ?? root.items) as unknown[] };
  return random.pick<StateOperation>([
    ...(tokens.length === 0 ? [] : [{ path: `${place}.x`, operation: "inc", value: 1 }, { path: place, operation: "unset" }] as StateOperation[]),
    { path: "currentEncounter.map.tokens", operation: "push", value: token(random.below(1000)), index: random.below(tokens.length + 1) },
    { path: "currentEncounter.map.tokens", operation: "pull", value: { x: random.below(300) } },
    { path: key, operation: "set", value: random.chance(20) ? { deep: [token(1), token(2)] } : random.below(9) },
    { path: key, operation: "unset" },
    { path: numbers.path, operation: "push", value: random.chance(20) ? "s".repeat(5000) : 7 },
    { path: numbers.path, operation: "pull", value: 7, limit: 1 + random.below(300) },
    { path: "pluginData.rows", operation: "push", value: [7, 7], index: random.below(rows.length + 1) },
    { path: "pluginData.table", operation: "set", value: Object.fromEntries(Array.from({ length: random.below(300) }, (_, index) => [`k${index}`, index])) },
    { path: "currentEncounter.map.name", operation: "set", value: "n".repeat(random.below(3000)) },
  ]);
}

describe("the form of a state with large containers", () => {
  it("is what it is from scratch, whatever grows, shrinks and moves in them", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), (seed) => {
        const random = new Random(seed);
        const state = largeState(random);
        expectCoherent(state);
        for (let step = 0; step < 25; step++) {
          const applied = state.apply(Array.from({ length: 1 + random.below(2) }, () => anyChange(random, state)).slice(0, 1));
          expectCoherent(state);
          if (random.chance(30)) {
            state.putBack(applied);
            expectCoherent(state);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is the same when it is made with pauses, and its hash goes on from there", () => {
    const state = GameState.from({
      characters: Array.from({ length: 900 }, (_, index) => ({ id: `c${index}`, notes: "n".repeat(index) })),
      actors: [],
      items: [],
      currentEncounter: null,
      pluginData: { map: { tokens: Array.from({ length: 500 }, (_, index) => token(index)) }, table: Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`${index}`, 1])) },
    });
    const hasher = new StateHasher();
    const hashing = hasher.hashing(state.root);
    let pauses = 0;
    for (let step = hashing.next(); ; step = hashing.next()) {
      if (step.done === true) {
        expect(step.value).toBe(generateStateHash(state.root));
        break;
      }
      pauses++;
    }
    expect(pauses).toBeGreaterThan(20);
    expect(hasher.hash(state.root)).toBe(generateStateHash(state.root));
    state.apply([{ path: "pluginData.map.tokens.7.x", operation: "inc", value: 1 }]);
    hasher.forget([(state.root.pluginData["map"] as { tokens: object[] }).tokens[7]!, (state.root.pluginData["map"] as { tokens: object }).tokens, state.root.pluginData["map"] as object]);
    expect(hasher.hash(state.root)).toBe(generateStateHash(state.root));
  });
});

describe("a text", () => {
  it.each([
    ["a string", JSON.stringify("x".repeat(9_000_000))],
    ["a string of escapes", JSON.stringify("\n".repeat(2_000_000))],
    ["a key", `{${JSON.stringify("k".repeat(9_000_000))}:1}`],
    ["a fraction", `0.${"1".repeat(9_000_000)}`],
    ["white space", `${" ".repeat(9_000_000)}1`],
  ])("with %s longer than any state is read without a stack as deep as it is long", (_what, text) => {
    expect(parseJson(text)).toEqual(JSON.parse(text));
  });
});
