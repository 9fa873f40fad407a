import { isObject } from "./json.ts";
import { checkKey } from "./keys.ts";
import type { Limits } from "./limits.ts";
import { Rejection } from "./rejection.ts";
import type { OperationPath, PathSegment, Selector } from "./types.ts";
import { utf8Length } from "./value.ts";

const INDEX = /^(?:0|[1-9][0-9]{0,6})$/;
const MAX_INDEX = 9_999_999;
/** Characters with a meaning in the dotted form: a key that has one needs the array form. */
const SPECIAL = /[.[\]{}]/;

/** The array index that a segment means, if it is one. */
export function indexOf(segment: string): number | undefined {
  return INDEX.test(segment) ? Number(segment) : undefined;
}

export function isSelector(segment: PathSegment): segment is Selector {
  return typeof segment === "object";
}

/** The segments of a path in any of its forms. */
export function parsePath(path: unknown, limits: Limits): PathSegment[] {
  const segments = split(path, limits);
  if (segments.length === 0) throw new Rejection("BAD_PATH", "the path is empty: the whole state cannot be addressed");
  checkLimit("levels of the path", segments.length, limits.depth);
  for (const segment of segments) {
    const text = isSelector(segment) ? segment.id : segment;
    checkLimit("bytes of a segment", utf8Length(text), limits.segmentBytes);
    if (!isSelector(segment)) checkKey(segment);
  }
  return segments;
}

function split(path: unknown, limits: Limits): PathSegment[] {
  if (Array.isArray(path)) {
    const segments = path.map(readSegment);
    checkLimit("bytes of the path", segments.reduce((sum, segment) => sum + utf8Length(isSelector(segment) ? segment.id : segment), 0), limits.pathBytes);
    return segments;
  }
  if (typeof path !== "string") throw new Rejection("BAD_OPERATION", "a path is text or an array of segments");
  if (!path.isWellFormed()) throw new Rejection("LONE_SURROGATE", "a path has half of a surrogate pair");
  checkLimit("bytes of the path", utf8Length(path), limits.pathBytes);
  if (path === "") return [];
  return path.startsWith("/") ? splitPointer(path) : splitDotted(path);
}

function checkLimit(what: string, actual: number, limit: number): void {
  if (actual > limit) throw new Rejection("BAD_PATH", `${actual} ${what}: at most ${limit} are allowed`, { limit, actual });
}

function readSegment(segment: unknown): PathSegment {
  if (typeof segment === "string") {
    if (!segment.isWellFormed()) throw new Rejection("LONE_SURROGATE", "a path has half of a surrogate pair");
    return segment;
  }
  if (typeof segment === "number" && Number.isInteger(segment) && segment >= 0 && segment <= MAX_INDEX) return String(segment);
  if (isObject(segment)) {
    const { id, ...others } = segment;
    if (typeof id === "string" && id !== "" && Object.keys(others).length === 0) return { id };
  }
  throw new Rejection("BAD_PATH", 'a segment is text, an index, or a selector {"id": "..."}');
}

/** RFC 6901. Selectors have no pointer form. */
function splitPointer(path: string): string[] {
  return path
    .slice(1)
    .split("/")
    .map((segment) => {
      if (/~(?![01])/.test(segment)) throw new Rejection("BAD_PATH", "in a JSON Pointer, ~ is followed by 0 or 1");
      return segment.replaceAll("~1", "/").replaceAll("~0", "~");
    });
}

/** `characters[0].name`, `characters.{id:abc}.name`, `[0]`. */
function splitDotted(path: string): PathSegment[] {
  const segments: PathSegment[] = [];
  let at = 0;
  if (path[at] !== "[") at = segmentAt(path, at, segments);
  while (at < path.length) {
    const next = path[at];
    if (next !== undefined && next !== "." && next !== "[") {
      throw new Rejection("BAD_PATH", "after a key comes a dot or an index: for other keys use the array form of the path");
    }
    at = next === "[" ? indexAt(path, at, segments) : segmentAt(path, at + 1, segments);
  }
  return segments;
}

/** Reads a key or a selector from `at`; gives the place of what ends it. */
function segmentAt(path: string, at: number, segments: PathSegment[]): number {
  if (path[at] === "{") return selectorAt(path, at, segments);
  let end = at;
  while (end < path.length && !SPECIAL.test(path[end]!)) end++;
  segments.push(path.slice(at, end));
  return end;
}

function indexAt(path: string, at: number, segments: PathSegment[]): number {
  const end = path.indexOf("]", at);
  if (end < 0) throw new Rejection("BAD_PATH", "[ is not closed");
  const text = path.slice(at + 1, end);
  if (indexOf(text) === undefined) throw new Rejection("BAD_INDEX", "between brackets stands an array index");
  segments.push(text);
  return end + 1;
}

function selectorAt(path: string, at: number, segments: PathSegment[]): number {
  const end = path.indexOf("}", at);
  if (end < 0) throw new Rejection("BAD_PATH", "{ is not closed");
  const id = path.startsWith("{id:", at) ? path.slice(at + 4, end) : "";
  if (id === "") throw new Rejection("BAD_PATH", "a selector has the form {id:ID}");
  segments.push({ id });
  return end + 1;
}

/** The path as broadcasts write it: text where that says the same, else the array form. */
export function formatPath(segments: readonly PathSegment[]): OperationPath {
  const keys = segments.filter((segment) => !isSelector(segment) && !SPECIAL.test(segment)) as string[];
  return keys.length === segments.length && !keys[0]?.startsWith("/") ? keys.join(".") : [...segments];
}

/** The path for a message: text as it is, an array as its JSON, never more than 64 characters of it. */
export function describePath(path: unknown): string {
  const text = typeof path === "string" ? path : JSON.stringify(path);
  // Characters are code points here, as they are for the server.
  return Array.from(text.slice(0, 128)).slice(0, 64).join("");
}
