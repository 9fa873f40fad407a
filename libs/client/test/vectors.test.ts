import { describe, expect, it } from "vitest";

import {
  canonicalize,
  DEFAULT_LIMITS,
  GameState,
  generateStateHash,
  incrementStateVersion,
  inverse,
  isValidNextVersion,
  isVersion,
  parseJson,
  parsePath,
  Rejection,
} from "../src/index.ts";
import { sha256Hex } from "../src/core/hash.ts";
import { applyFiles, read, type ApplyCase, type ApplyFile, type NumberCase, type PathCase, type ValueCase, type VersionFile } from "./support/vectors.ts";

function rejectionOf(rule: () => unknown): Rejection | undefined {
  try {
    rule();
    return undefined;
  } catch (error) {
    if (error instanceof Rejection) return error;
    throw error;
  }
}

function stateOf(file: ApplyFile, vector: ApplyCase): GameState {
  const limits = { ...DEFAULT_LIMITS, ...vector.limits };
  // Through text, so that each case gets a tree of its own.
  return GameState.parse(vector.stateText ?? JSON.stringify(vector.fixture === undefined ? vector.state : file.fixtures![vector.fixture]), limits);
}

function run(file: ApplyFile, vector: ApplyCase): void {
  const { result } = vector;
  const operations = vector.operationsText ?? JSON.stringify(vector.operations);
  let state: GameState | undefined;
  if (result.rejection !== undefined) {
    const rejection = rejectionOf(() => (state = stateOf(file, vector))) ?? rejectOn(state!, operations);
    expect(rejection).toMatchObject(result.rejection);
    return;
  }
  state = stateOf(file, vector);
  const before = state.hash();
  const applied = state.applyText(operations);
  expect(canonicalize(state.root)).toBe(canonicalize(result.state));
  expect(state.hash()).toBe(result.hash);
  expect(generateStateHash(state.root)).toBe(result.hash);
  if (result.previous !== undefined) expect(applied.previous).toEqual(result.previous);
  if (result.resolved !== undefined) expect(applied.resolved).toEqual(result.resolved);

  const undone = GameState.from(state.root, { ...DEFAULT_LIMITS, operations: Infinity });
  undone.apply(inverse(applied.resolved, applied.previous));
  expect(undone.hash()).toBe(before);
  state.putBack(applied);
  expect(state.hash()).toBe(before);
  expect(generateStateHash(state.root)).toBe(before);
}

/** The rejection of operations, which must change nothing. */
function rejectOn(state: GameState, operations: string): Rejection | undefined {
  const before = canonicalize(state.root);
  const hash = state.hash();
  const rejection = rejectionOf(() => state.applyText(operations));
  expect(canonicalize(state.root)).toBe(before);
  expect(state.hash()).toBe(hash);
  return rejection;
}

for (const file of applyFiles()) {
  describe(`apply/${file.file}`, () => {
    it.each(file.cases)("$name", (vector) => {
      run(file, vector);
    });
  });
}

describe("paths.json", () => {
  it.each((read("paths.json") as { cases: PathCase[] }).cases)("$path", ({ path, segments, rejection }) => {
    if (rejection === undefined) expect(parsePath(path, DEFAULT_LIMITS)).toEqual(segments);
    else expect(rejectionOf(() => parsePath(path, DEFAULT_LIMITS))?.reason).toBe(rejection);
  });
});

describe("numbers.json", () => {
  it.each((read("numbers.json") as { cases: NumberCase[] }).cases)("$literal", ({ literal, canonical, rejection }) => {
    if (rejection === undefined) expect(canonicalize(parseJson(literal))).toBe(canonical);
    else expect(rejectionOf(() => parseJson(literal))?.reason).toBe(rejection);
  });
});

describe("values.json", () => {
  it.each((read("values.json") as { cases: ValueCase[] }).cases)("$name", ({ text, canonical, hash, rejection }) => {
    if (rejection !== undefined) {
      expect(rejectionOf(() => parseJson(text))?.reason).toBe(rejection);
      return;
    }
    expect(canonicalize(parseJson(text))).toBe(canonical);
    expect(sha256Hex(canonical!)).toBe(hash);
  });
});

describe("versions.json", () => {
  const versions = (read("versions.json") as VersionFile);
  it.each(versions.valid)("%j is a version", (text) => {
    expect(isVersion(text)).toBe(true);
  });
  it.each(versions.invalid)("%j is not a version", (text) => {
    expect(isVersion(text)).toBe(false);
  });
  it.each(versions.validNext)("after $current comes $incoming: $valid", ({ current, incoming, valid }) => {
    expect(isValidNextVersion(current, incoming)).toBe(valid);
  });
  it.each(versions.increment)("the version after $from is $to", ({ from, to }) => {
    expect(incrementStateVersion(from)).toBe(to);
  });
});
