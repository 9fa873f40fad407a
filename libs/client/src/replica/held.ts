import { fromDifference } from "../core/difference.ts";
import { GameState } from "../core/game-state.ts";
import { deepEqual, type JsonValue } from "../core/json.ts";
import { NO_LIMITS } from "../core/limits.ts";
import { Rejection } from "../core/rejection.ts";
import type { ServerGameState, StateOperation } from "../core/types.ts";
import { Paint } from "../queue/paint.ts";
import { hashElsewhere, hashHere } from "./hash-elsewhere.ts";
import { withPauses } from "./pauses.ts";
import type { ReactiveState } from "./types.ts";

/** A state that came whole, with the hash that it has. */
export interface Read {
  readonly game: GameState;
  readonly hash: string;
}

/** The state that a replica holds, with what is painted over it. */
export class Held {
  game: GameState | undefined;
  /** What was held when it turned out wrong: what of it is right stays when the right one comes. */
  private discarded: GameState | undefined;
  private readonly paint = new Paint();
  private readonly reactive: ReactiveState | undefined;

  constructor(reactive: ReactiveState | undefined) {
    this.reactive = reactive;
  }

  /** The state as the server has it, without what is painted over it. */
  look<T>(reader: (state: ServerGameState | undefined) => T): T {
    return this.under(() => reader(this.raw));
  }

  get raw(): ServerGameState | undefined {
    return this.game === undefined ? undefined : this.unwrap(this.game.root);
  }

  /** Works on the state as the server has it: what is painted is lifted off, and laid over the result. */
  under<T>(work: () => T): T {
    return this.paint.isEmpty ? work() : this.repaint(work);
  }

  /** Paints something over the state, or takes it off. Answers whether anything changed. */
  set(owner: object, operations: readonly StateOperation[] | undefined): boolean {
    return this.repaint(() => {
      if (operations === undefined) return this.paint.remove(owner);
      this.paint.add(owner, operations);
      return true;
    });
  }

  private repaint<T>(work: () => T): T {
    return this.paint.under(this.game, work, () => this.game);
  }

  /** Reads a state that came whole and hashes it, without holding the page up. */
  async read(gameState: unknown): Promise<Read> {
    const game = (await withPauses(GameState.reading(gameState)))!;
    return { game, hash: (await withPauses(game.hashing()))! };
  }

  /** Holds what was read. Gives the operations that led to it, if there was something to lead from: what is the same keeps its identity. */
  take({ game: next }: Read): StateOperation[] {
    return this.under(() => {
      const operations = this.merge(next);
      if (operations === undefined) this.game = this.reactive === undefined ? next : next.wrapped(this.reactive.wrap, this.reactive.raw);
      this.discarded = undefined;
      return operations ?? [];
    });
  }

  /** Prepares the hash of the next version, without holding the page up. */
  async warm(): Promise<void> {
    const { game } = this;
    const changes = game?.changes;
    if (game !== undefined) await withPauses(game.hashing(), () => game.changes !== changes);
  }

  /** Reads what an earlier visit kept, without holding the page up. Undefined if it is not what its hash says. */
  async recall(canonical: Uint8Array, hash: string): Promise<Read | undefined> {
    try {
      const read = await this.read(JSON.parse(new TextDecoder().decode(canonical)));
      return read.hash === hash ? read : undefined;
    } catch {
      // Written by something else, or by an older page: as good as nothing.
      return undefined;
    }
  }

  /** The canonical form, without what is painted over it. Undefined if nothing is held, or what is held has none. */
  copy(): Uint8Array<ArrayBuffer> | undefined {
    try {
      return this.under(() => this.game?.canonical());
    } catch {
      return undefined;
    }
  }

  /** The hash of what is held, from scratch. Undefined if it has none. */
  async hash(): Promise<string | undefined> {
    // Once a worker has failed, the state may be another one.
    return this.look((state) => hashElsewhere(state!, this.game!.size().canonicalBytes, () => this.look((now) => (now === undefined ? undefined : hashHere(now)))));
  }

  discard(): void {
    this.discarded = this.game ?? this.discarded;
    this.game = undefined;
  }

  /** Changes what is held into the next state. */
  private merge(next: GameState): StateOperation[] | undefined {
    const held = this.game ?? this.discarded;
    if (held === undefined) return undefined;
    try {
      const operations = fromDifference(this.unwrap(held.root), next.root);
      // A new one: the other may have kept hashes of what somebody wrote into behind its back.
      const merged = GameState.adopt(held.root, NO_LIMITS, this.reactive?.raw);
      merged.apply(operations);
      if (!deepEqual(this.unwrap(merged.root) as unknown as JsonValue, next.root as unknown as JsonValue)) return undefined;
      this.game = merged;
      return operations;
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      return undefined;
    }
  }

  private unwrap<T extends object>(value: T): T {
    return this.reactive?.raw(value) ?? value;
  }
}
