import { deepEqual, isObject, own, type JsonArray, type JsonObject, type JsonValue } from "./json.ts";
import { formatPath } from "./path.ts";
import type { PathSegment, ServerGameState, StateOperation } from "./types.ts";

/**
 * The operations that turn one state into another: what changed, and little more.
 *
 * Elements of an array that all have an `id` are matched by it, so that one that goes or comes does not rewrite those behind it.
 */
export function fromDifference(before: ServerGameState, after: ServerGameState): StateOperation[] {
  const operations: StateOperation[] = [];
  compareObjects(before as unknown as JsonObject, after as unknown as JsonObject, [], operations);
  return operations;
}

function compare(before: JsonValue, after: JsonValue, path: PathSegment[], operations: StateOperation[]): void {
  if (deepEqual(before, after)) return;
  if (Array.isArray(before) && Array.isArray(after)) compareArrays(before, after, path, operations);
  else if (isObject(before) && isObject(after)) compareObjects(before, after, path, operations);
  else operations.push({ path: formatPath(path), operation: "set", value: after });
}

function compareObjects(before: JsonObject, after: JsonObject, path: PathSegment[], operations: StateOperation[]): void {
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(after, key)) operations.push({ path: formatPath([...path, key]), operation: "unset" });
  }
  for (const [key, value] of Object.entries(after)) {
    if (Object.hasOwn(before, key)) compare(before[key]!, value, [...path, key], operations);
    else operations.push({ path: formatPath([...path, key]), operation: "set", value });
  }
}

function compareArrays(before: JsonArray, after: JsonArray, path: PathSegment[], operations: StateOperation[]): void {
  const byId = [...before, ...after].every((element) => idOf(element) !== undefined);
  const { kept, gone } = byId ? survivors(before, after) : overlap(before, after);
  // From the end, so that the indexes of those before stay true.
  for (const index of gone.toReversed()) operations.push({ path: formatPath([...path, String(index)]), operation: "unset" });
  const now: JsonArray = kept.map((index) => before[index]!);
  after.forEach((element, index) => {
    const place = [...path, String(index)];
    if (index < now.length && (!byId || idOf(now[index]!) === idOf(element))) compare(now[index]!, element, place, operations);
    else {
      operations.push({ path: formatPath(path), operation: "push", value: element, ...(index < now.length ? { index } : {}) });
      now.splice(index, 0, element);
    }
  });
}

interface Survivors {
  /** Indexes of the elements that stay, in their order. */
  readonly kept: number[];
  readonly gone: number[];
}

/** An element whose place among the others changed goes and comes again. */
function survivors(before: JsonArray, after: JsonArray): Survivors {
  const ids = after.map(idOf);
  const kept: number[] = [];
  const gone: number[] = [];
  let from = 0;
  before.forEach((element, index) => {
    const found = ids.indexOf(idOf(element), from);
    if (found < 0) gone.push(index);
    else {
      kept.push(index);
      from = found + 1;
    }
  });
  return { kept, gone };
}

/** Without ids, elements are matched by their index. */
function overlap(before: JsonArray, after: JsonArray): Survivors {
  const indexes = [...before.keys()];
  return { kept: indexes.slice(0, after.length), gone: indexes.slice(after.length) };
}

function idOf(value: JsonValue): string | undefined {
  const id = isObject(value) ? own(value, "id") : undefined;
  return typeof id === "string" ? id : undefined;
}
