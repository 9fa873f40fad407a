import { isObject, type JsonArray, type JsonObject, type JsonValue } from "./json.ts";
import { indexOf, isSelector } from "./path.ts";
import { Rejection } from "./rejection.ts";
import type { PathSegment, Selector } from "./types.ts";

/** What a path leads to. `resolved` is the path with its selectors turned into indexes, as far as it could be walked. */
export type Target =
  /** A key that the object has. */
  | { readonly kind: "key"; readonly object: JsonObject; readonly key: string; readonly resolved: readonly PathSegment[] }
  /** A place in an array, which may lie at or past its end. */
  | { readonly kind: "element"; readonly array: JsonArray; readonly index: number; readonly resolved: readonly PathSegment[] }
  /** Nothing: the object lacks the key that is segment `from`, and with it everything below. */
  | { readonly kind: "absent"; readonly object: JsonObject; readonly from: number; readonly resolved: readonly PathSegment[] };

/** Walks a path. `visit` sees each container on the way with the number of segments that lead to it, the root first. */
export function locate(
  root: JsonObject,
  segments: readonly PathSegment[],
  visit: (container: JsonArray | JsonObject, depth: number) => void,
): Target {
  const resolved = [...segments];
  const last = segments.length - 1;
  let level: JsonValue = root;
  for (let depth = 0; ; depth++) {
    const segment = segments[depth]!;
    if (Array.isArray(level)) {
      visit(level, depth);
      const index: number = isSelector(segment) ? select(level, segment) : indexIn(segment);
      resolved[depth] = String(index);
      if (depth === last) return { kind: "element", array: level, index, resolved };
      if (index >= level.length) throw outOfRange(index, level.length);
      level = level[index]!;
      continue;
    }
    if (!isObject(level)) {
      throw new Rejection("NOT_A_CONTAINER", `level ${depth} of the path is ${level === null ? "null" : `a ${typeof level}`}: nothing can be inside`);
    }
    visit(level, depth);
    if (isSelector(segment)) throw new Rejection("NOT_AN_ARRAY", "a selector names an element of an array, and this is an object");
    if (!Object.hasOwn(level, segment)) return { kind: "absent", object: level, from: depth, resolved };
    if (depth === last) return { kind: "key", object: level, key: segment, resolved };
    level = level[segment]!;
  }
}

function indexIn(segment: string): number {
  const index = indexOf(segment);
  if (index === undefined) throw new Rejection("BAD_INDEX", `${segment.slice(0, 64)} is not an array index`);
  return index;
}

export function outOfRange(index: number, length: number): Rejection {
  return new Rejection("INDEX_OUT_OF_RANGE", `index ${index} in an array of ${length}`, { limit: length, actual: index });
}

function select(array: JsonArray, { id }: Selector): number {
  const matches = (element: JsonValue): boolean => isObject(element) && Object.hasOwn(element, "id") && element["id"] === id;
  const index = array.findIndex(matches);
  if (index < 0) throw new Rejection("NO_MATCH", "no element has this id");
  if (array.findIndex((element, other) => other > index && matches(element)) >= 0) {
    throw new Rejection("AMBIGUOUS_MATCH", "several elements have this id");
  }
  return index;
}
