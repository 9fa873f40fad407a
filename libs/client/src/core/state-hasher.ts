import { bytesOf, Form, type Piece } from "./form.ts";
import { Sha256 } from "./sha256.ts";
import type { ServerGameState } from "./types.ts";

/** The digest of the first so many parts of the form. */
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
/** Between two pauses. */
const BYTES_AT_ONCE = 256 * 1024;

/**
 * The hash and the size of a state at the cost of what changed.
 *
 * The canonical form is kept in pieces; {@link forget} says which containers from the second level down changed in place.
 * The digest is kept at marks, and goes on from the last one before the first changed piece.
 */
export class StateHasher {
  private readonly form = new Form();
  private current: { readonly state: ServerGameState; readonly piece: Piece } | undefined;
  private parts: readonly Uint8Array[] = [];
  private readonly marks: Mark[] = [];

  /** Containers that changed in place: what is kept of them no longer holds. Call it after each change, if only of the first level. */
  forget(changed: Iterable<object>): void {
    this.form.forget(changed);
    this.current = undefined;
  }

  measure(state: ServerGameState): StateSize {
    const { length, bson, nodes } = this.write(state);
    return { canonicalBytes: length, bsonBytes: bson, nodes };
  }

  hash(state: ServerGameState): string {
    this.adopt(bytesOf(this.write(state)));
    const digest = this.digest();
    for (;;) {
      const { done, value } = digest.next();
      if (done === true) return value;
    }
  }

  /** The same as {@link hash}, with pauses, for a large state that is hashed for the first time. It must not change meanwhile. */
  *hashing(state: ServerGameState): Generator<undefined, string> {
    yield* this.form.prepare(state);
    const piece = this.write(state);
    yield;
    this.adopt(bytesOf(piece));
    return yield* this.digest();
  }

  /** The canonical form that is hashed, in one. */
  bytes(state: ServerGameState): Uint8Array<ArrayBuffer> {
    const piece = this.write(state);
    const bytes = new Uint8Array(piece.length);
    let at = 0;
    for (const part of bytesOf(piece)) {
      bytes.set(part, at);
      at += part.length;
    }
    return bytes;
  }

  private write(state: ServerGameState): Piece {
    if (this.current?.state !== state) {
      const members = [state.characters, state.actors, state.items, state.currentEncounter, state.pluginData];
      this.current = { state, piece: this.form.write(state, members.filter((member) => member !== null)) };
    }
    return this.current.piece;
  }

  /** Takes over a new form. Marks behind its first difference from the last one no longer hold. */
  private adopt(parts: readonly Uint8Array[]): void {
    let same = 0;
    while (same < parts.length && isEqual(parts[same]!, this.parts[same])) same++;
    while (this.marks.length > 0 && this.marks.at(-1)!.parts > same) this.marks.pop();
    this.parts = parts;
  }

  private *digest(): Generator<undefined, string> {
    const { parts, marks } = this;
    const mark = marks.at(-1);
    const sha = mark?.sha.clone() ?? new Sha256();
    let [sinceMark, sincePause] = [0, 0];
    for (let index = mark?.parts ?? 0; index < parts.length; index++) {
      const part = parts[index]!;
      sha.update(part);
      sinceMark += part.length;
      sincePause += part.length;
      if (sinceMark >= BYTES_BETWEEN_MARKS) {
        marks.push({ parts: index + 1, sha: sha.clone() });
        sinceMark = 0;
      }
      if (sincePause >= BYTES_AT_ONCE) {
        sincePause = 0;
        yield;
      }
    }
    return sha.hex();
  }
}

/** Nearly always the very same array, or one that was written again beside a change. */
function isEqual(part: Uint8Array, other: Uint8Array | undefined): boolean {
  return part === other || (part.length === other?.length && part.every((byte, index) => byte === other[index]));
}
