import { canonicalize, encodeUtf8, isPlain, MAX_DEPTH, sortKeys, writeKey } from "./canonical.ts";
import { Rejection } from "./rejection.ts";
import { bsonBytes, utf8Length } from "./value.ts";

/** From so many characters on, the canonical form of a container is kept by itself, in runs of about this length. */
const PIECE = 2048;
/** A run shorter than this is written again with a neighbour that changed, so that they do not become ever more. */
const SMALL = PIECE / 2;

/** Children that stand side by side, as bytes: each with its comma before it, and its key. */
interface Run {
  readonly children: number;
  /** Of a nested container, what stands before it. */
  readonly bytes: Uint8Array;
  /** The same without the comma, for the first run. */
  readonly first: Uint8Array;
  /** The one child, if it is large itself. */
  readonly nested: Piece | undefined;
  readonly length: number;
  readonly bson: number;
  readonly nodes: number;
}

/** A large container's canonical form, and what it was written from. */
export interface Piece {
  readonly isArray: boolean;
  readonly keys: readonly string[] | undefined;
  readonly children: readonly unknown[];
  readonly runs: readonly Run[];
  readonly length: number;
  readonly bson: number;
  readonly nodes: number;
}

/** Which runs of an older form still hold, at both ends, and the children between them. */
interface Reuse {
  readonly before: readonly Run[];
  readonly from: number;
  readonly to: number;
  readonly after: readonly Run[];
}

/**
 * The canonical form of a tree whose containers change in place, written again only where it changed.
 *
 * What was written is kept by the identity of its container; {@link forget} says which containers changed.
 */
export class Form {
  private readonly pieces = new WeakMap<object, Piece>();
  private readonly changed = new Set<object>();
  /** Sizes of the value that was written last. */
  private bson = 0;
  private nodes = 0;

  forget(changed: Iterable<object>): void {
    for (const container of changed) this.changed.add(container);
  }

  /** The form of a whole tree. The containers `always` are looked through in any case. */
  write(root: object, always: readonly object[]): Piece {
    this.forget(always);
    const piece = this.container(root, this.keysOf(root), sizeOf(root), 0, true) as Piece;
    this.changed.clear();
    return piece;
  }

  /** Does most of the work of the first {@link write} ahead, with pauses: the containers of many children a part at a time. */
  *prepare(container: object, depth = 0): Generator<undefined, void> {
    const size = sizeOf(container);
    if (size <= FEW) {
      for (const child of Object.values(container) as unknown[]) {
        if (typeof child === "object" && child !== null && depth < MAX_DEPTH) yield* this.prepare(child, depth + 1);
      }
      return;
    }
    const keys = this.keysOf(container);
    const step = Math.max(FEW, Math.ceil(size / PARTS));
    for (let count = step; count < size; count += step) {
      this.container(container, keys, count, depth, true);
      // What is there now is a part of it.
      this.changed.add(container);
      yield;
    }
  }

  /** The text of a small value, or the piece of a large one. */
  private value(value: unknown, depth: number): string | Piece {
    if (typeof value !== "object" || value === null) {
      const text = canonicalize(value);
      this.bson = bsonBytes(value as null);
      this.nodes = 1;
      return text;
    }
    const known = this.pieces.get(value);
    if (known === undefined || this.changed.has(value)) return this.container(value, this.keysOf(value), sizeOf(value), depth, false);
    this.bson = known.bson;
    this.nodes = known.nodes;
    return known;
  }

  /** Writes the first `size` children of a container. */
  private container(container: object, keys: readonly string[] | undefined, size: number, depth: number, asPiece: boolean): string | Piece {
    if (depth === MAX_DEPTH) throw new Rejection("TOO_DEEP", "the value is too deep or contains itself");
    const known = this.pieces.get(container);
    const { before, from, to, after } = known === undefined ? { before: [], from: 0, to: size, after: [] } : this.reuse(known, container, keys, size);
    const runs = [...before];
    let run = { text: "", children: 0, bson: 0, nodes: 0 };
    const close = (nested?: Piece): void => {
      const bytes = encodeUtf8(run.text);
      runs.push({ ...run, bytes, first: bytes.subarray(1), nested, length: bytes.length + (nested?.length ?? 0) });
      run = { text: "", children: 0, bson: 0, nodes: 0 };
    };
    for (let index = from; index < to; index++) {
      const key = keys?.[index];
      const head = key === undefined ? "," : `,${writeKey(key)}`;
      const child = this.value(childAt(container, key, index), depth + 1);
      const isText = typeof child === "string";
      // What is large stands alone, so that a change beside it does not write it again.
      if (run.children > 0 && (!isText || child.length >= PIECE)) close();
      run.text += isText ? head + child : head;
      run.children++;
      run.bson += this.bson + (key === undefined ? 0 : utf8Length(key));
      run.nodes += this.nodes;
      if (!isText) close(child);
      else if (run.text.length >= PIECE) close();
    }
    const isArray = keys === undefined;
    // Of an element: its type, the end of its key, and in an array the digits of its index.
    const around = 5 + 2 * size + (isArray ? digitsBelow(size) : 0);
    if (runs.length + after.length === 0 && !asPiece) {
      this.pieces.delete(container);
      this.bson = around + run.bson;
      this.nodes = 1 + run.nodes;
      const inner = run.text.slice(1);
      return isArray ? `[${inner}]` : `{${inner}}`;
    }
    if (run.children > 0) close();
    runs.push(...after);
    const children = keys === undefined ? (container as unknown[]).slice(0, size) : keys.slice(0, size).map((key) => childAt(container, key, 0));
    this.bson = runs.reduce((sum, { bson }) => sum + bson, around);
    this.nodes = runs.reduce((sum, { nodes }) => sum + nodes, 1);
    const length = runs.reduce((sum, run) => sum + run.length, 2) - Math.min(1, runs.length);
    const piece = { isArray, keys, children, runs, length, bson: this.bson, nodes: this.nodes };
    this.pieces.set(container, piece);
    return piece;
  }

  private reuse({ runs, children, keys: oldKeys }: Piece, container: object, keys: readonly string[] | undefined, size: number): Reuse {
    const holds = (run: Run, old: number, now: number): boolean => {
      for (let offset = 0; offset < run.children; offset++) {
        const key = keys?.[now + offset];
        const child = childAt(container, key, now + offset);
        if (child !== children[old + offset] || key !== oldKeys?.[old + offset]) return false;
        if (typeof child === "object" && child !== null && this.changed.has(child)) return false;
      }
      return true;
    };
    let [first, from] = [0, 0];
    while (first < runs.length && from + runs[first]!.children <= size && holds(runs[first]!, from, from)) from += runs[first++]!.children;
    let [last, old, to] = [runs.length, children.length, size];
    for (; last > first; last--) {
      const run = runs[last - 1]!;
      if (to - run.children < from || !holds(run, old - run.children, to - run.children)) break;
      old -= run.children;
      to -= run.children;
    }
    if (from < to) {
      while (first > 0 && isSmall(runs[first - 1]!)) from -= runs[--first]!.children;
      while (last < runs.length && isSmall(runs[last]!)) to += runs[last++]!.children;
    }
    return { before: runs.slice(0, first), from, to, after: runs.slice(last) };
  }

  /** In the order of the form, as they were the last time if none came or went. */
  private keysOf(container: object): readonly string[] | undefined {
    if (Array.isArray(container)) return undefined;
    if (!isPlain(container)) throw new Rejection("BAD_JSON", "only plain objects and arrays are JSON values");
    const keys = Object.keys(container);
    const known = this.pieces.get(container)?.keys;
    const isSame = known?.length === keys.length && known.every((key) => Object.hasOwn(container, key));
    return isSame ? known : sortKeys(keys);
  }
}

/** A container of more children is prepared in parts. */
const FEW = 64;
const PARTS = 32;

const [OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = ["[", "]", "{", "}"].map(encodeUtf8) as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

/** The bytes of a piece, in order. What did not change is the same array as before. */
export function bytesOf(piece: Piece, parts: Uint8Array[] = []): Uint8Array[] {
  parts.push(piece.isArray ? OPEN_ARRAY : OPEN_OBJECT);
  piece.runs.forEach(({ bytes, first, nested }, index) => {
    parts.push(index === 0 ? first : bytes);
    if (nested !== undefined) bytesOf(nested, parts);
  });
  parts.push(piece.isArray ? CLOSE_ARRAY : CLOSE_OBJECT);
  return parts;
}

function sizeOf(container: object): number {
  return Array.isArray(container) ? container.length : Object.keys(container).length;
}

function childAt(container: object, key: string | undefined, index: number): unknown {
  return key === undefined ? (container as readonly unknown[])[index] : (container as Readonly<Record<string, unknown>>)[key];
}

function isSmall({ nested, length }: Run): boolean {
  return nested === undefined && length < SMALL;
}

/** Digits of all whole numbers below `count`, written one after another. */
function digitsBelow(count: number): number {
  let digits = count;
  for (let power = 10; power < count; power *= 10) digits += count - power;
  return digits;
}
