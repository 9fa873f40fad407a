import { applyChecked, putBack, type Applied } from "./apply.ts";
import type { JsonValue } from "./json.ts";
import { DEFAULT_LIMITS, NO_LIMITS, type Limits } from "./limits.ts";
import { checkOperations, parseOperations, type CheckedOperation } from "./operation.ts";
import { Rejection } from "./rejection.ts";
import { StateHasher, type StateSize } from "./state-hasher.ts";
import { checkStructure, emptyState } from "./structure.ts";
import { parseJson } from "./text.ts";
import type { ServerGameState, StateOperation } from "./types.ts";
import { importing, importValue, longestArray } from "./value.ts";

const SIZES = [
  ["canonicalBytes", "stateBytes"],
  ["bsonBytes", "stateBsonBytes"],
  ["nodes", "nodes"],
] as const satisfies readonly (readonly [keyof StateSize, keyof Limits])[];

/** The values of so many levels are read one by one when there are pauses. */
const LEVELS_APART = 4;

/** What stands behind a proxy, or the value itself. */
export type Raw = <T extends object>(value: T) => T;

/**
 * A state that knows its hash and size at the cost of what changed.
 *
 * It owns its tree: whoever else writes into {@link root} must give the state to a new one.
 */
export class GameState {
  readonly root: ServerGameState;
  private readonly limits: Limits;
  private readonly hasher: StateHasher;
  private readonly raw: Raw;
  private revision = 0;

  private constructor(root: ServerGameState, limits: Limits, raw: Raw = (value) => value, hasher = new StateHasher()) {
    this.root = root;
    this.limits = limits;
    this.raw = raw;
    this.hasher = hasher;
  }

  static empty(limits: Limits = DEFAULT_LIMITS): GameState {
    return new GameState(emptyState(), limits);
  }

  /** Reads a state from its JSON text, strictly. */
  static parse(text: string, limits: Limits = DEFAULT_LIMITS): GameState {
    return GameState.checked(parseJson(text, limits.depth), limits);
  }

  /** A copy of a state that is in memory. */
  static from(value: unknown, limits: Limits = DEFAULT_LIMITS): GameState {
    return GameState.checked(importValue(value, limits.depth), limits);
  }

  /**
   * Takes a state over as it is, without a copy: for a reactive one whose content is known to be good.
   * `raw` gives what stands behind a proxy (Vue's `toRaw`): writes go through the proxies, hashing does not.
   */
  static adopt(root: ServerGameState, limits: Limits = DEFAULT_LIMITS, raw?: Raw): GameState {
    checkStructure(root);
    return new GameState(root, limits, raw);
  }

  /** The same as {@link from} without limits, with pauses. The value must not change meanwhile. */
  static *reading(value: unknown): Generator<undefined, GameState> {
    const state = yield* importing(value, NO_LIMITS.depth, LEVELS_APART);
    checkStructure(state);
    return new GameState(state, NO_LIMITS);
  }

  /** The same state behind proxies, with all that is known of its hash. */
  wrapped(wrap: (root: ServerGameState) => ServerGameState, raw: Raw): GameState {
    return new GameState(wrap(this.root), this.limits, raw, this.hasher);
  }

  private static checked(value: JsonValue, limits: Limits): GameState {
    const longest = longestArray(value);
    checkStructure(value);
    if (longest > limits.arrayElements) throw tooLarge("elements in an array", longest, limits.arrayElements);
    const state = new GameState(value, limits);
    state.checkSize({ canonicalBytes: 0, bsonBytes: 0, nodes: 0 });
    return state;
  }

  hash(): string {
    return this.hasher.hash(this.raw(this.root));
  }

  /** The same as {@link hash}, with pauses. It fails if the state changes meanwhile: {@link changes} tells. */
  hashing(): Generator<undefined, string> {
    return this.hasher.hashing(this.raw(this.root));
  }

  /** Its canonical form in UTF-8: a copy, at the price of its bytes. */
  canonical(): Uint8Array<ArrayBuffer> {
    return this.hasher.bytes(this.raw(this.root));
  }

  /** Grows with each change. */
  get changes(): number {
    return this.revision;
  }

  size(): StateSize {
    return this.hasher.measure(this.raw(this.root));
  }

  /** Applies operations in place: all, or none and a {@link Rejection}. */
  apply(operations: readonly StateOperation[]): Applied {
    return this.applyChecked(checkOperations(operations, this.limits));
  }

  /** The same for operations in their JSON text, read strictly. */
  applyText(operations: string): Applied {
    return this.applyChecked(parseOperations(operations, this.limits));
  }

  private applyChecked(operations: readonly CheckedOperation[]): Applied {
    const before = this.size();
    const applied = applyChecked(this.root, operations, this.limits);
    this.forget(applied);
    try {
      this.checkSize(before);
    } catch (error) {
      this.putBack(applied);
      throw error;
    }
    return applied;
  }

  /** Takes the last update back, exactly. */
  putBack(applied: Applied): void {
    putBack(applied.undo);
    this.forget(applied);
  }

  private forget({ touched }: Applied): void {
    this.revision++;
    this.hasher.forget(Array.from(touched, this.raw));
  }

  /** A state over a limit that was lowered may still shrink. */
  private checkSize(before: StateSize): void {
    const after = this.size();
    for (const [size, limit] of SIZES) {
      if (after[size] > this.limits[limit] && after[size] > before[size]) throw tooLarge(size, after[size], this.limits[limit]);
    }
  }
}

function tooLarge(what: string, actual: number, limit: number): Rejection {
  return new Rejection("STATE_TOO_LARGE", `the state would have ${actual} ${what}: at most ${limit} are allowed`, { limit, actual });
}
