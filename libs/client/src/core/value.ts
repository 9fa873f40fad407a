import { isPlain } from "./canonical.ts";
import { isObject, type JsonArray, type JsonObject, type JsonValue } from "./json.ts";
import { checkKey } from "./keys.ts";
import { Rejection } from "./rejection.ts";

/**
 * A copy of an in-memory value, refused unless it is JSON that a state may hold. -0 becomes 0.
 *
 * A copy, because what enters the state must not change when the caller's object does, nor the caller's with the state.
 */
export function importValue(value: unknown, maxDepth: number): JsonValue {
  switch (typeof value) {
    case "string":
      if (!value.isWellFormed()) throw new Rejection("LONE_SURROGATE", "text has half of a surrogate pair");
      return value;
    case "number":
      if (!Number.isFinite(value)) throw new Rejection("BAD_JSON", `${value} is not a JSON number`);
      return value === 0 ? 0 : value;
    case "boolean":
      return value;
    case "object":
      break;
    default:
      throw new Rejection("BAD_JSON", `a ${typeof value} is not a JSON value`);
  }
  if (value === null) return null;
  if (maxDepth <= 0) throw new Rejection("TOO_DEEP", "the value has too many levels");
  return Array.isArray(value) ? importArray(value, maxDepth) : importObject(value, maxDepth);
}

function importArray(value: readonly unknown[], maxDepth: number): JsonArray {
  const copy: JsonArray = [];
  // Not `map`, which passes over holes: they are undefined, and refused.
  for (const element of value) copy.push(importValue(element, maxDepth - 1));
  return copy;
}

function importObject(value: object, maxDepth: number): JsonObject {
  const copy: JsonObject = {};
  for (const key of keysOf(value)) copy[key] = importValue(value[key as never], maxDepth - 1);
  return copy;
}

/** The keys of a plain object, all of which a state may have. */
function keysOf(value: object): string[] {
  if (!isObject(value) || !isPlain(value)) throw new Rejection("BAD_JSON", "only plain objects and arrays are JSON values");
  const keys = Object.keys(value);
  for (const key of keys) {
    if (!key.isWellFormed()) throw new Rejection("LONE_SURROGATE", "a key has half of a surrogate pair");
    checkKey(key);
  }
  return keys;
}

/** The same as {@link importValue}, with a pause after each value of the first `apart` levels. */
export function* importing(value: unknown, maxDepth: number, apart: number): Generator<undefined, JsonValue> {
  if (typeof value !== "object" || value === null || apart === 0 || maxDepth <= 0) return importValue(value, maxDepth);
  if (Array.isArray(value)) {
    const copy: JsonArray = [];
    for (const element of value as unknown[]) {
      copy.push(yield* importing(element, maxDepth - 1, apart - 1));
      yield;
    }
    return copy;
  }
  const copy: JsonObject = {};
  for (const key of keysOf(value)) {
    copy[key] = yield* importing(value[key as never], maxDepth - 1, apart - 1);
    yield;
  }
  return copy;
}

/** Levels of a value: a scalar has none, a container one more than its deepest child. */
export function depthOf(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 0;
  let deepest = 0;
  for (const child of Array.isArray(value) ? value : Object.values(value)) deepest = Math.max(deepest, depthOf(child));
  return deepest + 1;
}

/** The longest array in a value, itself included. */
export function longestArray(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 0;
  let longest = Array.isArray(value) ? value.length : 0;
  for (const child of Array.isArray(value) ? value : Object.values(value)) longest = Math.max(longest, longestArray(child));
  return longest;
}

/** Values in a value, itself included. */
export function countNodes(value: JsonValue): number {
  if (typeof value !== "object" || value === null) return 1;
  let nodes = 1;
  for (const child of Array.isArray(value) ? value : Object.values(value)) nodes += countNodes(child);
  return nodes;
}

/** Bytes of a value as BSON, without its type and name. */
export function bsonBytes(value: JsonValue): number {
  switch (typeof value) {
    case "string":
      return 4 + utf8Length(value) + 1;
    case "number":
      return Number.isInteger(value) && value >= -0x8000_0000 && value <= 0x7fff_ffff ? 4 : 8;
    case "boolean":
      return 1;
    default:
      break;
  }
  if (value === null) return 0;
  let bytes = 5;
  if (Array.isArray(value)) value.forEach((element, index) => (bytes += 2 + String(index).length + bsonBytes(element)));
  else for (const [key, child] of Object.entries(value)) bytes += 2 + utf8Length(key) + bsonBytes(child);
  return bytes;
}

/** Bytes of well-formed text in UTF-8. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit >= 0x80) bytes += unit < 0x800 ? 1 : unit >= 0xd800 && unit < 0xe000 ? 1 : 2;
  }
  return bytes;
}
