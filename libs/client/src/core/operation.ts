import { isObject, own, type JsonArray, type JsonObject, type JsonValue } from "./json.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { describePath, parsePath } from "./path.ts";
import { placed, Rejection } from "./rejection.ts";
import { parseJson } from "./text.ts";
import type { OperationKind, PathSegment } from "./types.ts";
import { importValue } from "./value.ts";

/** One operation whose form was checked. What it does to a state is not decided yet. */
export interface CheckedOperation {
  readonly kind: OperationKind;
  readonly segments: readonly PathSegment[];
  /** The path as it was sent, for messages. */
  readonly path: string;
  /** Null for `unset`, which has none. */
  readonly value: JsonValue;
  /** `pull` removes at most so many. */
  readonly limit: number | undefined;
  /** `push` inserts before this element. */
  readonly index: number | undefined;
}

const KINDS: ReadonlySet<string> = new Set<OperationKind>(["set", "unset", "inc", "push", "pull"]);
const FIELDS = new Set(["path", "operation", "value", "previous", "limit", "index"]);
/** Levels around a value: the list and the operation. */
const LEVELS_AROUND = 2;

/** Checks the form of a list of operations. The list is copied: it may change afterwards. */
export function checkOperations(list: unknown, limits: Limits = DEFAULT_LIMITS): CheckedOperation[] {
  return checkList(importValue(withoutUndefined(list), limits.depth + LEVELS_AROUND), limits);
}

/** Reads a list of operations from its JSON text, strictly. */
export function parseOperations(text: string, limits: Limits = DEFAULT_LIMITS): CheckedOperation[] {
  return checkList(parseJson(text, limits.depth + LEVELS_AROUND), limits);
}

/** A field that is undefined is one that is not there, as it will not be in the JSON that is sent. */
function withoutUndefined(list: unknown): unknown {
  if (!Array.isArray(list)) return list;
  return list.map((operation: unknown) =>
    isObject(operation) ? Object.fromEntries(Object.entries(operation).filter(([, value]) => value !== undefined)) : operation,
  );
}

function checkList(list: JsonValue, limits: Limits): CheckedOperation[] {
  if (!Array.isArray(list)) throw new Rejection("BAD_OPERATION", "operations are an array");
  if (list.length > limits.operations) {
    throw new Rejection("TOO_MANY_OPERATIONS", `${list.length} operations: at most ${limits.operations} are allowed`, {
      limit: limits.operations,
      actual: list.length,
    });
  }
  return list.map((operation, index) => {
    const path = isObject(operation) ? own(operation, "path") : undefined;
    const place = () => ({ operation: index, path: isPath(path) ? describePath(path) : undefined });
    return placed(place, () => checkOperation(operation, limits));
  });
}

function isPath(path: JsonValue | undefined): path is string | JsonArray {
  return typeof path === "string" || Array.isArray(path);
}

function checkOperation(operation: JsonValue, limits: Limits): CheckedOperation {
  if (!isObject(operation)) throw new Rejection("BAD_OPERATION", "an operation is an object");
  for (const field of Object.keys(operation)) {
    if (!FIELDS.has(field)) throw new Rejection("BAD_OPERATION", `an operation has no field ${field.slice(0, 64)}`);
  }
  const kind = own(operation, "operation");
  const path = own(operation, "path");
  const limit = wholeNumber(operation, "limit", 1);
  const index = wholeNumber(operation, "index", 0);
  if (path === undefined || !isPath(path)) throw new Rejection("BAD_OPERATION", "path is missing, or neither text nor an array");
  if (typeof kind !== "string") throw new Rejection("BAD_OPERATION", "operation is missing or not text");
  if (!KINDS.has(kind)) throw new Rejection("UNKNOWN_OPERATION", "operation is none of set, unset, inc, push and pull");
  if (limit !== undefined && kind !== "pull") throw new Rejection("BAD_OPERATION", "only pull has a limit");
  if (index !== undefined && kind !== "push") throw new Rejection("BAD_OPERATION", "only push has an index");
  const segments = parsePath(path, limits);
  const value = own(operation, "value");
  if (value === undefined && kind !== "unset") throw new Rejection("MISSING_VALUE", `${kind} needs a value`);
  return {
    kind: kind as OperationKind,
    segments,
    path: describePath(path),
    value: kind === "unset" || value === undefined ? null : value,
    limit,
    index,
  };
}

function wholeNumber(fields: JsonObject, name: string, least: number): number | undefined {
  const value = own(fields, name);
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) {
    throw new Rejection("BAD_OPERATION", `${name} is a whole number, ${least} or more`);
  }
  return value;
}
