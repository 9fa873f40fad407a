import { canonicalize, encodeUtf8, writeString } from "./canonical.ts";
import { isObject, type JsonObject, type JsonValue } from "./json.ts";
import { Sha256 } from "./sha256.ts";
import type { ServerGameState } from "./types.ts";
import { bsonBytes, countNodes, utf8Length } from "./value.ts";

/** Canonical form and size of one value of the second level: a character, an item, one plugin's data. */
interface Piece {
  readonly bytes: Uint8Array;
  readonly bson: number;
  readonly nodes: number;
}

/** Of the canonical form: a piece, or the punctuation, keys and scalars between pieces. */
type Part = string | Piece;

/** The digest of the first so many parts. */
interface Mark {
  readonly parts: number;
  readonly sha: Sha256;
}

export interface StateSize {
  readonly canonicalBytes: number;
  readonly bsonBytes: number;
  readonly nodes: number;
}

/** Hashing passes over at most so many bytes again to reach the first change. */
const BYTES_BETWEEN_MARKS = 16 * 1024;

/**
 * The hash and the size of a state at the cost of what changed.
 *
 * The canonical form is kept in pieces, one for each value of the second level, by the identity of the value; {@link forget} says
 * which values changed in place. The digest is kept at marks, and goes on from the last one before the first changed piece.
 */
export class StateHasher {
  private readonly pieces = new WeakMap<object, Piece>();
  private parts: readonly Part[] = [];
  private readonly marks: Mark[] = [];

  /** Values that changed in place: what is kept of them no longer holds. */
  forget(changed: Iterable<object>): void {
    for (const value of changed) this.pieces.delete(value);
  }

  measure(state: ServerGameState): StateSize {
    const form = new Form(this.pieces, state);
    this.adopt(form.parts);
    return { canonicalBytes: form.bytes, bsonBytes: form.bson, nodes: form.nodes };
  }

  hash(state: ServerGameState): string {
    this.adopt(new Form(this.pieces, state).parts);
    return this.digest();
  }

  /** Takes over a new form. Marks behind its first difference from the last one no longer hold. */
  private adopt(parts: readonly Part[]): void {
    let same = 0;
    while (same < parts.length && parts[same] === this.parts[same]) same++;
    while (this.marks.length > 0 && this.marks.at(-1)!.parts > same) this.marks.pop();
    this.parts = parts;
  }

  private digest(): string {
    const mark = this.marks.at(-1);
    const sha = mark?.sha.clone() ?? new Sha256();
    let sinceMark = 0;
    let text = "";
    for (let index = mark?.parts ?? 0; index < this.parts.length; index++) {
      const part = this.parts[index]!;
      if (typeof part === "string") {
        text += part;
        continue;
      }
      const between = encodeUtf8(text);
      text = "";
      sha.update(between).update(part.bytes);
      sinceMark += between.length + part.bytes.length;
      if (sinceMark >= BYTES_BETWEEN_MARKS) {
        this.marks.push({ parts: index + 1, sha: sha.clone() });
        sinceMark = 0;
      }
    }
    return sha.update(encodeUtf8(text)).hex();
  }
}

/** One pass over the first two levels of a state. */
class Form {
  readonly parts: Part[] = [];
  bytes = 0;
  bson = 0;
  nodes = 0;
  private readonly known: WeakMap<object, Piece>;

  constructor(known: WeakMap<object, Piece>, state: ServerGameState) {
    this.known = known;
    this.container(state as unknown as JsonObject, (value) => {
      if (typeof value === "object" && value !== null) {
        this.container(value, (child) => {
          this.leaf(child);
        });
      } else this.leaf(value);
    });
  }

  private container(value: JsonValue, child: (value: JsonValue) => void): void {
    this.nodes += 1;
    this.bson += 5;
    if (Array.isArray(value)) {
      this.text("[");
      value.forEach((element, index) => {
        if (index > 0) this.text(",");
        this.bson += 2 + String(index).length;
        child(element);
      });
      this.text("]");
    } else if (isObject(value)) {
      this.text("{");
      Object.keys(value)
        .sort()
        .forEach((key, index) => {
          this.text((index > 0 ? "," : "") + writeString(key) + ":");
          this.bson += 2 + utf8Length(key);
          child(value[key] as JsonValue);
        });
      this.text("}");
    }
  }

  private leaf(value: JsonValue): void {
    if (typeof value !== "object" || value === null) {
      this.text(canonicalize(value));
      this.bson += bsonBytes(value);
      this.nodes += 1;
      return;
    }
    let piece = this.known.get(value);
    if (piece === undefined) {
      piece = { bytes: encodeUtf8(canonicalize(value)), bson: bsonBytes(value), nodes: countNodes(value) };
      this.known.set(value, piece);
    }
    this.parts.push(piece);
    this.bytes += piece.bytes.length;
    this.bson += piece.bson;
    this.nodes += piece.nodes;
  }

  private text(text: string): void {
    this.parts.push(text);
    this.bytes += utf8Length(text);
  }
}
