import { isObject, own, type JsonArray, type JsonObject, type JsonValue } from "./json.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { describePath, parsePath } from "./path.ts";
import { placed, Rejection } from "./rejection.ts";
import { parseList } from "./text.ts";
import type { OperationKind, PathSegment } from "./types.ts";
import { importValue } from "./value.ts";

/** One operation whose form was checked. What it does to a state is not decided yet. */
export interface CheckedOperation {
  readonly kind: OperationKind;
  readonly segments: readonly PathSegment[];
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
const MAX_COUNT = 0xffff_ffff;

/** Checks the form of a list of operations. The list is copied: it may change afterwards. */
export function checkOperations(list: unknown, limits: Limits = DEFAULT_LIMITS): CheckedOperation[] {
  if (!Array.isArray(list)) throw new Rejection("BAD_OPERATION", "operations are an array");
  const copies = list.map((operation: unknown, index) =>
    placed(
      () => ({ operation: index }),
      () => importValue(withoutUndefined(operation), limits.depth + LEVELS_AROUND - 1),
    ),
  );
  return checkList(copies, limits);
}

/** Reads a list of operations from its JSON text, strictly. */
export function parseOperations(text: string, limits: Limits = DEFAULT_LIMITS): CheckedOperation[] {
  const list = parseList(text, limits.depth + LEVELS_AROUND);
  if (!Array.isArray(list)) throw new Rejection("BAD_OPERATION", "operations are an array");
  return checkList(list, limits);
}

/** A field that is undefined is one that is not there, as it will not be in the JSON that is sent. */
function withoutUndefined(operation: unknown): unknown {
  return isObject(operation) ? Object.fromEntries(Object.entries(operation).filter(([, value]) => value !== undefined)) : operation;
}

function checkList(list: JsonArray, limits: Limits): CheckedOperation[] {
  if (list.length > limits.operations) {
    throw new Rejection("TOO_MANY_OPERATIONS", `${list.length} operations: at most ${limits.operations} are allowed`, {
      limit: limits.operations,
      actual: list.length,
    });
  }
  return list.map((operation, index) =>
    placed(
      () => ({ operation: index }),
      () => checkOperation(operation, limits),
    ),
  );
}

function checkOperation(operation: JsonValue, limits: Limits): CheckedOperation {
  if (!isObject(operation)) throw new Rejection("BAD_OPERATION", "an operation is an object");
  for (const field of Object.keys(operation)) {
    if (!FIELDS.has(field)) throw new Rejection("BAD_OPERATION", `an operation has no field ${field.slice(0, 64)}`);
  }
  const kind = own(operation, "operation");
  const path = own(operation, "path");
  const limit = count(operation, "limit", 1);
  const index = count(operation, "index", 0);
  if (typeof kind !== "string") throw new Rejection("BAD_OPERATION", "operation is missing or not text");
  if (path === undefined) throw new Rejection("BAD_OPERATION", "path is missing");
  if (limit !== undefined && kind !== "pull") throw new Rejection("BAD_OPERATION", "only pull has a limit");
  if (index !== undefined && kind !== "push") throw new Rejection("BAD_OPERATION", "only push has an index");
  if (!KINDS.has(kind)) throw new Rejection("UNKNOWN_OPERATION", "operation is none of set, unset, inc, push and pull");
  const described = describePath(path);
  return placed(
    () => ({ path: described }),
    () => {
      const segments = parsePath(path, limits);
      const value = checkValue(kind as OperationKind, own(operation, "value"));
      return { kind: kind as OperationKind, segments, value, limit, index };
    },
  );
}

function checkValue(kind: OperationKind, value: JsonValue | undefined): JsonValue {
  if (kind === "unset") return null;
  if (value === undefined) throw new Rejection("MISSING_VALUE", `${kind} needs a value`);
  if (kind === "inc" && typeof value !== "number") throw new Rejection("NOT_A_NUMBER", "inc adds a number");
  return value;
}

/** A number of elements. */
function count(operation: JsonObject, name: string, least: number): number | undefined {
  const value = own(operation, name);
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > MAX_COUNT) {
    throw new Rejection("BAD_OPERATION", `${name} is a whole number, ${least} or more`);
  }
  return value;
}
