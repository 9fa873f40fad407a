import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import type { JsonValue } from "./json.ts";
import { formatPath, parsePath } from "./path.ts";
import type { PathSegment, StateOperation } from "./types.ts";

/** What an operation found, just before it. All that is needed to take it back. */
export type Previous =
  /** The value that was there; with the index it had if it was taken out of an array. */
  | { readonly value: JsonValue; readonly index?: number }
  /** Nothing: the first so many segments of the path name the topmost level that was missing. */
  | { readonly absent: number }
  /** The length of the array that was pushed to. */
  | { readonly length: number }
  /** What was pulled, with the indexes it had, ascending. */
  | { readonly removed: readonly (readonly [index: number, value: JsonValue])[] };

/** The update that takes an update back: the undo of its operations from the last to the first. */
export function inverse(
  resolved: readonly StateOperation[],
  previous: readonly Previous[],
  limits: Limits = DEFAULT_LIMITS,
): StateOperation[] {
  return resolved.flatMap((operation, index) => [{ operation, before: previous[index]! }]).toReversed().flatMap(({ operation, before }) =>
    undoOne(operation, parsePath(operation.path, limits), before),
  );
}

function undoOne(operation: StateOperation, segments: PathSegment[], before: Previous): StateOperation[] {
  if ("absent" in before) {
    return operation.operation === "unset" ? [] : [{ path: formatPath(segments.slice(0, before.absent)), operation: "unset" }];
  }
  if ("length" in before) {
    return [{ path: formatPath([...segments, String(operation.index ?? before.length)]), operation: "unset" }];
  }
  if ("removed" in before) {
    return before.removed.map(([index, value]) => ({ path: formatPath(segments), operation: "push", value, index }));
  }
  if (before.index !== undefined) {
    return [{ path: formatPath(segments.slice(0, -1)), operation: "push", value: before.value, index: before.index }];
  }
  return [{ path: formatPath(segments), operation: "set", value: before.value }];
}
