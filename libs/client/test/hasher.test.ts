import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { canonicalize, GameState, generateStateHash, inverse, NO_LIMITS, Rejection, type Applied, type ServerGameState, type StateOperation } from "../src/index.ts";
import { bsonBytes, countNodes } from "../src/core/value.ts";
import { anyOperation, anyState, Random } from "./support/generate.ts";

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });

function stateFrom(random: Random): GameState {
  for (;;) {
    try {
      return GameState.from(anyState(random));
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
    }
  }
}

function expectCoherent(state: GameState): void {
  const form = canonicalize(state.root);
  expect(state.hash()).toBe(generateStateHash(state.root));
  const root = state.root as unknown as Parameters<typeof bsonBytes>[0];
  expect(state.size()).toEqual({ canonicalBytes: Buffer.byteLength(form), bsonBytes: bsonBytes(root), nodes: countNodes(root) });
}

function anyUpdate(random: Random, root: ServerGameState): unknown[] {
  return Array.from({ length: 1 + random.below(4) }, () => anyOperation(random, root as never));
}

describe("a state over a random history", () => {
  it("has the hash and the size that it has from scratch, after updates, refusals and put-backs", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = new Random(seed);
        const state = stateFrom(random);
        for (let step = 0; step < 12; step++) {
          const before = canonicalize(state.root);
          let applied: Applied | undefined;
          try {
            applied = state.applyText(JSON.stringify(anyUpdate(random, state.root)));
          } catch (error) {
            if (!(error instanceof Rejection)) throw error;
            expect(canonicalize(state.root)).toBe(before);
          }
          expectCoherent(state);
          if (applied === undefined) continue;
          if (random.chance(30)) {
            state.putBack(applied);
            expect(canonicalize(state.root)).toBe(before);
            expectCoherent(state);
          } else if (random.chance(50)) {
            const undone = GameState.from(state.root, NO_LIMITS);
            undone.apply(inverse(applied.resolved, applied.previous));
            expect(canonicalize(undone.root)).toBe(before);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("goes on hashing from the right place when it is large, wherever it changes", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = new Random(seed);
        const entity = (index: number) => ({ id: `e${index}`, hp: index, text: "x".repeat(random.below(4000)) });
        const state = GameState.from({
          characters: Array.from({ length: 40 }, (_, index) => entity(index)),
          actors: [],
          items: Array.from({ length: 40 }, (_, index) => entity(index)),
          currentEncounter: { tokens: [], name: "y" },
          pluginData: { big: "z".repeat(40_000), small: 1 },
        });
        expectCoherent(state);
        for (let step = 0; step < 10; step++) {
          const list = random.pick(["characters", "items"]);
          const { length } = state.root[list as "items"];
          const applied = state.apply([
            random.pick<StateOperation>([
              { path: `${list}.${random.below(length)}.hp`, operation: "inc", value: 1 },
              { path: `${list}.${random.below(length)}`, operation: "unset" },
              { path: list, operation: "push", value: entity(step), index: random.below(length) },
              { path: "pluginData.small", operation: "inc", value: 1 },
              { path: "currentEncounter.tokens", operation: "push", value: { id: "t" } },
            ]),
          ]);
          expectCoherent(state);
          if (random.chance(30)) state.putBack(applied);
        }
        expectCoherent(state);
      }),
      { numRuns: 30 },
    );
  });

  it("takes operations in memory as it takes their text", () => {
    fc.assert(
      fc.property(seeds, (seed) => {
        const random = new Random(seed);
        const state = stateFrom(random);
        const update = anyUpdate(random, state.root);
        const outcome = (run: (state: GameState) => Applied): unknown => {
          const copy = GameState.from(state.root);
          try {
            const { resolved, previous } = run(copy);
            return { resolved, previous, hash: copy.hash() };
          } catch (error) {
            if (!(error instanceof Rejection)) throw error;
            return { reason: error.reason, operation: error.operation, path: error.path };
          }
        };
        expect(outcome((copy) => copy.apply(update as never))).toEqual(outcome((copy) => copy.applyText(JSON.stringify(update))));
      }),
      { numRuns: 500 },
    );
  });
});

describe("applying in place", () => {
  const state = (): ServerGameState => ({
    characters: [{ id: "a", hp: 1 }, { id: "b", hp: 2 }],
    actors: [],
    items: [{ id: "i" }],
    currentEncounter: null,
    pluginData: { dnd: { round: 1 } },
  });

  it("keeps the identity of every object that an operation does not replace", () => {
    const game = GameState.adopt(state());
    const { characters, items, pluginData } = game.root;
    const [a, b] = characters;
    game.apply([{ path: "characters.0.hp", operation: "set", value: 5 }]);
    expect(game.root.characters).toBe(characters);
    expect(game.root.items).toBe(items);
    expect(game.root.pluginData).toBe(pluginData);
    expect([characters[0], characters[1]]).toEqual([{ id: "a", hp: 5 }, { id: "b", hp: 2 }]);
    expect(characters[0]).toBe(a);
    expect(characters[1]).toBe(b);
  });

  it("writes only what changes, so that a store that watches writes sees nothing else", () => {
    const writes: string[] = [];
    const watch = <T extends object>(target: T, path: string): T =>
      new Proxy(target, {
        get: (object, key) => {
          const value: unknown = Reflect.get(object, key);
          return typeof value === "object" && value !== null ? watch(value, `${path}.${String(key)}`) : value;
        },
        set: (object, key, value) => {
          writes.push(`${path}.${String(key)}`);
          return Reflect.set(object, key, value);
        },
      });
    const plain = state();
    const watched = GameState.adopt(watch(plain, ""));
    watched.apply([{ path: "characters.{id:b}.hp", operation: "inc", value: 3 }]);
    expect(writes).toEqual([".characters.1.hp"]);
    expect(plain.characters[1]).toEqual({ id: "b", hp: 5 });
    expect(watched.hash()).toBe(generateStateHash(plain));
  });

  it("shares nothing with the caller's values", () => {
    const game = GameState.adopt(state());
    const value = { tags: ["x"] };
    const { resolved } = game.apply([
      { path: "pluginData.mine", operation: "set", value },
      { path: "pluginData.mine.tags", operation: "push", value: "y" },
    ]);
    value.tags.push("z");
    expect(game.root.pluginData["mine"]).toEqual({ tags: ["x", "y"] });
    expect(resolved[0]!.value).toEqual({ tags: ["x"] });
  });
});
