import { deepEqual, isObject, type JsonArray, type JsonObject, type JsonValue } from "./json.ts";
import { applyOperations } from "./apply.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { formatPath, indexOf, parsePath } from "./path.ts";
import { Rejection } from "./rejection.ts";
import type { ServerGameState, StateOperation } from "./types.ts";
import { importValue } from "./value.ts";

/** One operation of a JSON Patch (RFC 6902). */
export type JsonPatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly from: string; readonly path: string };

/**
 * The operations that do to a state what a JSON Patch does. The state is needed to know arrays from objects, and is not changed.
 *
 * A `test` is checked here, against that state: the update's version is what makes the server see the same one.
 */
export function fromJsonPatch(state: ServerGameState, patch: readonly JsonPatchOperation[]): StateOperation[] {
  const scratch = importValue(state, DEFAULT_LIMITS.depth) as unknown as ServerGameState;
  return patch.flatMap((step, index) => {
    try {
      const operations = translate(scratch as unknown as JsonObject, step);
      applyOperations(scratch, operations);
      return operations;
    } catch (error) {
      throw error instanceof Rejection ? new Rejection(error.reason, error.message, { operation: index, path: step.path }) : error;
    }
  });
}

function translate(state: JsonObject, step: JsonPatchOperation): StateOperation[] {
  switch (step.op) {
    case "add":
      return [add(state, pointer(step.path), step.value)];
    case "replace":
      resolve(state, pointer(step.path));
      return [{ path: formatPath(pointer(step.path)), operation: "set", value: step.value }];
    case "remove":
      resolve(state, pointer(step.path));
      return [{ path: formatPath(pointer(step.path)), operation: "unset" }];
    case "test":
      if (!deepEqual(resolve(state, pointer(step.path)), importValue(step.value, DEFAULT_LIMITS.depth))) {
        throw new Rejection("NO_MATCH", "the value tested for is not there");
      }
      return [];
    case "copy":
      return [add(state, pointer(step.path), resolve(state, pointer(step.from)))];
    case "move":
      return move(state, pointer(step.from), pointer(step.path));
  }
}

function pointer(path: string): string[] {
  if (!path.startsWith("/")) throw new Rejection("BAD_PATH", "a JSON Patch path is a JSON Pointer below the root");
  return parsePath(path, DEFAULT_LIMITS) as string[];
}

/** `add` sets a member of an object, and inserts before an element of an array. */
function add(state: JsonObject, segments: string[], value: unknown): StateOperation {
  const parent = segments.slice(0, -1);
  const last = segments.at(-1)!;
  const container = resolve(state, parent);
  if (!Array.isArray(container)) return { path: formatPath(segments), operation: "set", value };
  const index = last === "-" ? container.length : indexOf(last);
  if (index === undefined) throw new Rejection("BAD_INDEX", `${last} is not an array index`);
  return { path: formatPath(parent), operation: "push", value, index };
}

function move(state: JsonObject, from: string[], to: string[]): StateOperation[] {
  if (from.length < to.length && from.every((segment, index) => segment === to[index])) {
    throw new Rejection("BAD_PATH", "a value cannot be moved into itself");
  }
  const value = resolve(state, from);
  const removal: StateOperation = { path: formatPath(from), operation: "unset" };
  // The target is named as it is after the removal.
  const without = importValue(state, DEFAULT_LIMITS.depth) as JsonObject;
  const holder = resolve(without, from.slice(0, -1)) as JsonArray | JsonObject;
  if (Array.isArray(holder)) holder.splice(Number(from.at(-1)), 1);
  // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- on a copy that is thrown away
  else delete holder[from.at(-1)!];
  return [removal, add(without, to, value)];
}

/** What stands at a path that a patch presumes to be there. */
function resolve(state: JsonObject, segments: readonly string[]): JsonValue {
  let level: JsonValue = state;
  for (const segment of segments) {
    const index: number | undefined = Array.isArray(level) ? indexOf(segment) : undefined;
    if (Array.isArray(level) && index !== undefined && index < level.length) level = level[index]!;
    else if (isObject(level) && Object.hasOwn(level, segment)) level = level[segment]!;
    else throw new Rejection("MISSING_LEVEL", "the patch names a place that is not there");
  }
  return level;
}
