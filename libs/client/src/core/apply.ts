import { deepEqual, isObject, own, type JsonArray, type JsonObject, type JsonValue } from "./json.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { locate, outOfRange, type Target } from "./locate.ts";
import { checkOperations, type CheckedOperation } from "./operation.ts";
import { describePath, formatPath, isSelector } from "./path.ts";
import type { Previous } from "./previous.ts";
import { placed, Rejection } from "./rejection.ts";
import { checkStructure } from "./structure.ts";
import type { ServerGameState, StateOperation } from "./types.ts";
import { countNodes, depthOf, longestArray } from "./value.ts";

/** What an update did, and what takes it back. */
export interface Applied {
  /** The operations as they are broadcast: selectors resolved to indexes. */
  readonly resolved: StateOperation[];
  /** One entry for each operation. Values that were removed from the state are in it by reference. */
  readonly previous: Previous[];
  /** Containers whose content changed in place, and all that hold them from the second level down. */
  readonly touched: ReadonlySet<object>;
  /** For {@link putBack}. */
  readonly undo: Undo;
}

/** Steps that undo what was done, the last one first. */
export type Undo = (() => void)[];

/**
 * Applies operations to a state in place: all, or none and a {@link Rejection}.
 *
 * Only what an operation touches is written, so reactive stores see exactly what changed and every other object keeps its identity.
 * The sizes of the whole state are not looked at here: `GameState` knows them.
 */
export function applyOperations(state: ServerGameState, operations: readonly StateOperation[], limits: Limits = DEFAULT_LIMITS): Applied {
  return applyChecked(state, checkOperations(operations, limits), limits);
}

export function applyChecked(state: ServerGameState, operations: readonly CheckedOperation[], limits: Limits): Applied {
  const application = new Application(state, limits);
  try {
    operations.forEach((operation, index) => {
      placed(
        () => ({ operation: index, path: describePath(formatPath(operation.segments)) }),
        () => {
          application.run(operation);
        },
      );
    });
  } catch (error) {
    putBack(application.undo);
    throw error;
  }
  return application;
}

/** Takes an update back: the state is what it was, byte for byte in its canonical form. Only the last update can be taken back. */
export function putBack(undo: Undo): void {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) step();
}

class Application implements Applied {
  readonly resolved: StateOperation[] = [];
  readonly previous: Previous[] = [];
  readonly touched = new Set<object>();
  readonly undo: Undo = [];
  private comparisons = 0;
  private readonly state: ServerGameState;
  private readonly limits: Limits;

  constructor(state: ServerGameState, limits: Limits) {
    this.state = state;
    this.limits = limits;
  }

  run(operation: CheckedOperation): void {
    const target = locate(this.state as unknown as JsonObject, operation.segments, (container, depth) => {
      if (depth >= 2) this.touched.add(container);
      if (Array.isArray(container) && isSelector(operation.segments[depth]!)) this.compare(container.length);
    });
    this.previous.push(this.perform(operation, target));
    checkStructure(this.state);
    this.resolved.push(resolve(operation, target));
  }

  private perform(operation: CheckedOperation, target: Target): Previous {
    switch (operation.kind) {
      case "set":
        return this.set(operation, target);
      case "unset":
        return this.unset(target);
      case "inc":
        return this.inc(operation, target);
      case "push":
        return this.push(operation, target);
      case "pull":
        return this.pull(operation, target);
    }
  }

  private set(operation: CheckedOperation, target: Target): Previous {
    if (target.kind === "absent") return this.create(operation, target, cloneJson(operation.value));
    if (target.kind === "element" && target.index > target.array.length) throw outOfRange(target.index, target.array.length);
    this.checkValue(operation.value, operation.segments.length);
    const value = cloneJson(operation.value);
    if (target.kind === "key") return { value: this.assign(target.object, target.key, value) };
    const { array, index } = target;
    if (index === array.length) {
      this.checkRoom(array);
      this.insert(array, index, value);
      return { absent: operation.segments.length };
    }
    return { value: this.replace(array, index, value) };
  }

  private unset(target: Target): Previous {
    if (target.kind === "absent") return { absent: target.from + 1 };
    if (target.kind === "element") {
      const { array, index } = target;
      if (index >= array.length) throw outOfRange(index, array.length);
      return { value: this.remove(array, index), index };
    }
    const { object, key } = target;
    const value = object[key]!;
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a state is a JSON object; its keys come and go
    delete object[key];
    this.undo.push(() => (object[key] = value));
    return { value };
  }

  private inc(operation: CheckedOperation, target: Target): Previous {
    const by = operation.value as number;
    if (target.kind === "absent") return this.create(operation, target, by);
    const number = valueAt(target);
    if (typeof number !== "number") throw new Rejection("NOT_A_NUMBER", "what stands there is not a number");
    const sum = number + by;
    if (!Number.isFinite(sum)) throw new Rejection("NOT_A_NUMBER", "the sum is not finite");
    const stored = sum === 0 ? 0 : sum;
    return { value: target.kind === "key" ? this.assign(target.object, target.key, stored) : this.replace(target.array, target.index, stored) };
  }

  private push(operation: CheckedOperation, target: Target): Previous {
    const array = target.kind === "absent" ? [] : arrayAt(target);
    const length = array.length;
    const index = operation.index ?? length;
    if (index > length) throw outOfRange(index, length);
    if (target.kind === "absent") return this.create(operation, target, [cloneJson(operation.value)]);
    this.checkValue(operation.value, operation.segments.length + 1);
    this.checkRoom(array);
    this.insert(array, index, cloneJson(operation.value));
    return { length };
  }

  private pull(operation: CheckedOperation, target: Target): Previous {
    if (target.kind === "absent") return { removed: [] };
    const array = arrayAt(target);
    this.compare(array.length * countNodes(operation.value));
    const removed: [number, JsonValue][] = [];
    for (let index = 0; index < array.length && removed.length < (operation.limit ?? Infinity); index++) {
      if (matches(array[index]!, operation.value)) removed.push([index, array[index]!]);
    }
    // From the end, so that the indexes found stay true.
    for (const [index] of removed.toReversed()) this.remove(array, index);
    return { removed };
  }

  private compare(values: number): void {
    this.comparisons += values;
    const { comparisons: limit } = this.limits;
    if (this.comparisons > limit) {
      throw new Rejection("TOO_EXPENSIVE", "the pulls and selectors of this update compare too much", { limit, actual: this.comparisons });
    }
  }

  /** Makes the missing levels around a value and puts them in: one write, seen whole or not at all. */
  private create(operation: CheckedOperation, target: Target & { kind: "absent" }, value: JsonValue): Previous {
    const { object, from } = target;
    if (from === 0) throw new Rejection("BAD_STRUCTURE", "a state has five keys and no other");
    let made = value;
    for (const segment of operation.segments.slice(from + 1).toReversed()) {
      if (isSelector(segment) || /^[0-9]+$/.test(segment)) {
        throw new Rejection("MISSING_LEVEL", `level ${from + 1} of the path is missing, and whether it is an array or an object is not said`);
      }
      made = { [segment]: made };
    }
    this.checkValue(value, operation.segments.length);
    const key = operation.segments[from] as string;
    this.touched.add(object);
    object[key] = made;
    // eslint-disable-next-line @typescript-eslint/no-dynamic-delete -- a state is a JSON object; its keys come and go
    this.undo.push(() => delete object[key]);
    return { absent: from + 1 };
  }

  private assign(object: JsonObject, key: string, value: JsonValue): JsonValue {
    const before = object[key]!;
    object[key] = value;
    this.undo.push(() => (object[key] = before));
    return before;
  }

  private replace(array: JsonArray, index: number, value: JsonValue): JsonValue {
    const before = array[index]!;
    array[index] = value;
    this.undo.push(() => (array[index] = before));
    return before;
  }

  private insert(array: JsonArray, index: number, value: JsonValue): void {
    this.touched.add(array);
    array.splice(index, 0, value);
    this.undo.push(() => array.splice(index, 1));
  }

  private remove(array: JsonArray, index: number): JsonValue {
    this.touched.add(array);
    const [value] = array.splice(index, 1) as [JsonValue];
    this.undo.push(() => array.splice(index, 0, value));
    return value;
  }

  /** The limits of a value that is put below so many segments. */
  private checkValue(value: JsonValue, segments: number): void {
    const { depth, arrayElements } = this.limits;
    const levels = segments + depthOf(value);
    if (levels > depth) throw new Rejection("TOO_DEEP", `the value would reach level ${levels}`, { limit: depth, actual: levels });
    const longest = longestArray(value);
    if (longest > arrayElements) throw tooLong(longest, arrayElements);
  }

  private checkRoom(array: JsonArray): void {
    const { arrayElements } = this.limits;
    if (array.length >= arrayElements) throw tooLong(array.length + 1, arrayElements);
  }
}

function tooLong(actual: number, limit: number): Rejection {
  return new Rejection("STATE_TOO_LARGE", `an array of ${actual} elements: at most ${limit} are allowed`, { limit, actual });
}

function valueAt(target: Exclude<Target, { kind: "absent" }>): JsonValue {
  if (target.kind === "key") return target.object[target.key]!;
  if (target.index >= target.array.length) throw outOfRange(target.index, target.array.length);
  return target.array[target.index]!;
}

function arrayAt(target: Exclude<Target, { kind: "absent" }>): JsonArray {
  const value = valueAt(target);
  if (!Array.isArray(value)) throw new Rejection("NOT_AN_ARRAY", "what stands there is not an array");
  return value;
}

/** An object matches elements that have all of its fields, deeply equal; anything else what is deeply equal. */
function matches(element: JsonValue, wanted: JsonValue): boolean {
  if (!isObject(wanted)) return deepEqual(element, wanted);
  return (
    isObject(element) &&
    Object.entries(wanted).every(([key, value]) => {
      const held = own(element, key);
      return held !== undefined && deepEqual(held, value);
    })
  );
}

function resolve(operation: CheckedOperation, target: Target): StateOperation {
  const { kind, value, limit, index } = operation;
  return {
    path: formatPath(target.resolved),
    operation: kind,
    ...(kind === "unset" ? {} : { value }),
    ...(limit === undefined ? {} : { limit }),
    ...(index === undefined ? {} : { index }),
  };
}

function cloneJson(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson);
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) copy[key] = cloneJson(value[key]!);
  return copy;
}
