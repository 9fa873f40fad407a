import { afterEach, describe, expect, it } from "vitest";

import { applyOperations, emptyState, fromDifference, getPluginData, GameState, parseJson, setPluginData, type StateOperation } from "../src/index.ts";

const INHERITED = ["__proto__", "constructor", "prototype", "toString", "valueOf", "hasOwnProperty", "__defineSetter__"];
const pristine = Object.getOwnPropertyNames(Object.prototype).sort();

/** Paths that lead through an inherited name in each form there is. */
function paths(name: string): StateOperation["path"][] {
  return [`pluginData.${name}.polluted`, `/pluginData/${name}/polluted`, ["pluginData", name, "polluted"], `${name}.polluted`, `characters[0].${name}.polluted`];
}

afterEach(() => {
  expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(pristine);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
});

describe("names that objects inherit", () => {
  it.each(INHERITED)("%s is refused in every path of every operation", (name) => {
    const state = { ...emptyState(), characters: [{ id: "a" }] };
    for (const path of paths(name)) {
      for (const operation of ["set", "unset", "inc", "push", "pull"] as const) {
        expect(() => applyOperations(state, [{ path, operation, value: 1 }]), JSON.stringify([path, operation])).toThrow(
          expect.objectContaining({ reason: "FORBIDDEN_KEY" }),
        );
      }
    }
    expect(state).toEqual({ ...emptyState(), characters: [{ id: "a" }] });
  });

  it.each(INHERITED)("%s is refused as a key at any depth of a value and of a state", (name) => {
    const value = JSON.parse(`{"a":[{"${name}":{"polluted":1}}]}`) as unknown;
    expect(() => applyOperations(emptyState(), [{ path: "pluginData.x", operation: "set", value }])).toThrow(
      expect.objectContaining({ reason: "FORBIDDEN_KEY" }),
    );
    expect(() => GameState.from({ ...emptyState(), pluginData: value })).toThrow(expect.objectContaining({ reason: "FORBIDDEN_KEY" }));
    expect(() => parseJson(JSON.stringify(value))).toThrow(expect.objectContaining({ reason: "FORBIDDEN_KEY" }));
  });

  it("are not read from a prototype where the state does not have them", () => {
    const state = emptyState();
    expect(getPluginData(state, "toString")).toBeUndefined();
    expect(getPluginData(state, "__proto__")).toBeUndefined();
    expect(() => applyOperations(state, setPluginData(state, "__proto__", { polluted: 1 }))).toThrow(
      expect.objectContaining({ reason: "FORBIDDEN_KEY" }),
    );
  });

  it("do not pass through a comparison of two states", () => {
    const after = { ...emptyState(), pluginData: JSON.parse('{"__proto__":{"polluted":1}}') as never };
    expect(() => applyOperations(emptyState(), fromDifference(emptyState(), after))).toThrow(expect.objectContaining({ reason: "FORBIDDEN_KEY" }));
  });
});
