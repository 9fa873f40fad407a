import { Rejection } from "./rejection.ts";

/** Every name that a plain object inherits: as a key it could be mistaken for, or reach, what all objects share. */
const INHERITED = new Set([
  "__proto__",
  "prototype",
  "constructor",
  "hasOwnProperty",
  "isPrototypeOf",
  "propertyIsEnumerable",
  "toLocaleString",
  "toString",
  "valueOf",
  "__defineGetter__",
  "__defineSetter__",
  "__lookupGetter__",
  "__lookupSetter__",
]);

/** Refuses a key that may stand nowhere in a state: no client's prototype and no database operator can be named by one. */
export function checkKey(key: string): void {
  if (key === "") throw new Rejection("FORBIDDEN_KEY", "a key must not be empty");
  if (key.startsWith("$")) throw new Rejection("FORBIDDEN_KEY", "a key must not start with $");
  if (key.includes("\0")) throw new Rejection("FORBIDDEN_KEY", "a key must not hold a NUL character");
  if (INHERITED.has(key)) throw new Rejection("FORBIDDEN_KEY", `${key} is not allowed as a key`);
}
