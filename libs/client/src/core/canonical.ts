import { isObject, type JsonValue } from "./json.ts";
import { Rejection } from "./rejection.ts";

/** Deeper than any accepted state; only keeps a cycle or a hostile value from exhausting the stack. */
export const MAX_DEPTH = 512;

/**
 * The RFC 8785 form of a value: object keys in the order of their UTF-16 code units, numbers as ECMAScript prints them, no spaces.
 *
 * Refuses what JSON does not have (undefined, functions, symbols, bigints, NaN, infinities) and text with a lone surrogate,
 * instead of dropping or bending it: what is hashed is exactly what is held.
 */
export function canonicalize(value: unknown): string {
  return write(value, 0);
}

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      return writeString(value);
    case "number":
      return writeNumber(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      break;
    default:
      throw new Rejection("BAD_JSON", `a ${typeof value} is not a JSON value`);
  }
  if (value === null) return "null";
  if (depth === MAX_DEPTH) throw new Rejection("TOO_DEEP", "the value is too deep or contains itself");
  if (Array.isArray(value)) {
    let text = "[";
    // Not `map`: it skips holes, which must be refused like every other undefined.
    for (let index = 0; index < value.length; index++) {
      if (index > 0) text += ",";
      text += write(value[index], depth + 1);
    }
    return text + "]";
  }
  if (!isObject(value) || !isPlain(value)) throw new Rejection("BAD_JSON", "only plain objects and arrays are JSON values");
  let text = "{";
  let first = true;
  for (const key of sortKeys(Object.keys(value))) {
    text += first ? "" : ",";
    first = false;
    text += writeKey(key) + write(value[key], depth + 1);
  }
  return text + "}";
}

/** An object literal's, or one without a prototype: a Date or a Map would be hashed as `{}`. */
export function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Sorts keys by their UTF-16 code units, as RFC 8785 asks: the default order. Those of a state that came from the server are so already. */
export function sortKeys(keys: string[]): string[] {
  for (let index = 1; index < keys.length; index++) if (keys[index - 1]! > keys[index]!) return keys.sort();
  return keys;
}

/** A state has few keys, many times each. */
const written = new Map<string, string>();
const KEYS_KEPT = 4096;

/** A key with its colon. */
export function writeKey(key: string): string {
  let text = written.get(key);
  if (text === undefined) {
    text = `${writeString(key)}:`;
    if (written.size >= KEYS_KEPT) written.clear();
    written.set(key, text);
  }
  return text;
}

/** What stands for itself between quotes. Most text of a game is of it, and this is several times faster than asking. */
const PLAIN = /^[ !#-[\]-~]*$/;

export function writeString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new Rejection("BAD_JSON", "text has a lone surrogate");
  // For well-formed text, the escapes of JSON.stringify are those of RFC 8785.
  return JSON.stringify(text);
}

/** RFC 8785 takes over ECMAScript's Number::toString; it has no -0. */
export function writeNumber(number: number): string {
  if (!Number.isFinite(number)) throw new Rejection("BAD_JSON", `${number} is not a JSON number`);
  return String(number);
}

const encoder = new TextEncoder();

export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The JSON value itself, for callers that hold an unknown one: throws what {@link canonicalize} throws. */
export function assertJson(value: unknown): asserts value is JsonValue {
  canonicalize(value);
}
