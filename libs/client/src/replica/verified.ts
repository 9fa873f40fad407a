import { Rejection } from "../core/rejection.ts";
import type { FullState, ServerGameState, StateOperation } from "../core/types.ts";
import { compareVersions, isValidNextVersion, isVersion } from "../core/version.ts";
import { Held } from "./held.ts";
import type { Head, KeptState, ReactiveState } from "./types.ts";

/** One version on from the one held. */
export interface Step {
  readonly version: string;
  /** Null where the session skips hashes. */
  readonly expected: string | null;
  readonly timestamp: number;
  readonly updateId: string;
}

export interface Witness {
  /** What is held, or what came, is not what its hash or its form says. */
  fault(reason: string, message: string): void;
  /** The state is another one by these operations; without an id, because it came whole. */
  followed(operations: readonly StateOperation[], state: ServerGameState, updateId?: string): void;
}

/** A state with its head. What follows it must lead to the hash that it is said to have: nothing else is held. */
export class Verified {
  readonly held: Held;
  private readonly witness: Witness;
  private head: Head | undefined;

  constructor(reactive: ReactiveState | undefined, witness: Witness) {
    this.held = new Held(reactive);
    this.witness = witness;
  }

  get at(): Head | undefined {
    return this.head;
  }

  /** Where a session is asked from for what comes after. */
  position(sessionId: string): object {
    const { head } = this;
    return head === undefined ? { sessionId } : { sessionId, version: head.version, hash: head.hash, epoch: head.epoch };
  }

  /** Whether this version is held, or a later one. Versions are compared within one epoch only: another epoch is never old. */
  has(epoch: string, version: string): boolean {
    return this.head?.epoch === epoch && compareVersions(version, this.head.version) <= 0;
  }

  /** Whether this version may come next. */
  isNext(epoch: string, version: string): boolean {
    return this.held.game !== undefined && this.head?.epoch === epoch && isValidNextVersion(this.head.version, version);
  }

  /** Takes what an earlier visit kept, unless it is not what its hash says. Answers whether it is held now. */
  async begin({ canonical, epoch, version, hash, timestamp }: KeptState, isStale: () => boolean): Promise<boolean> {
    const read = isVersion(version) ? await this.held.recall(canonical, hash) : undefined;
    if (read === undefined || isStale()) return false;
    this.held.take(read);
    this.head = { epoch, version, hash, verified: true, timestamp };
    return true;
  }

  /** A copy, to begin with another time. */
  snapshot(): KeptState | undefined {
    const canonical = this.held.copy();
    if (canonical === undefined || this.head === undefined) return undefined;
    const { epoch, version, hash, timestamp } = this.head;
    return { canonical, epoch, version, hash, timestamp };
  }

  /** Takes a state that came whole. Answers undefined if it became stale meanwhile, else whether it is held now. */
  async replace({ gameState, gameStateVersion: version, gameStateHash: hash, epoch, timestamp }: FullState, isStale: () => boolean): Promise<boolean | undefined> {
    // The version held may be taken again: what is held of it may be what went wrong.
    const isLate = (): boolean => isStale() || (this.has(epoch, version) && this.head?.version !== version);
    if (isLate()) return undefined;
    try {
      const read = await this.held.read(gameState);
      if (isLate()) return undefined;
      if (read.hash !== hash) {
        this.witness.fault("HASH_MISMATCH", `the full state of version ${version} does not have its hash`);
        return false;
      }
      const operations = this.held.take(read);
      this.head = { epoch, version, hash, verified: true, timestamp };
      if (operations.length > 0) this.witness.followed(operations, this.held.raw!);
      return true;
    } catch (error) {
      this.refused(error, `the full state of version ${version} cannot be held`);
      return false;
    }
  }

  /** Applies the next version. Gives the operations by ids and indexes as they were found, or undefined if it does not lead where it should. */
  advance(operations: readonly StateOperation[], step: Step): StateOperation[] | undefined {
    return this.held.under(() => this.step(operations, step));
  }

  private step(operations: readonly StateOperation[], { version, expected, timestamp, updateId }: Step): StateOperation[] | undefined {
    const game = this.held.game!;
    try {
      const applied = game.apply(operations);
      const hash = game.hash();
      if (expected !== null && hash !== expected) {
        game.putBack(applied);
        this.witness.fault("HASH_MISMATCH", `version ${version} does not lead to its hash`);
        // The state held is not what the server has: nothing can follow it.
        this.discard();
        return undefined;
      }
      this.head = { epoch: this.head!.epoch, version, hash, verified: expected !== null, timestamp };
      this.witness.followed(applied.resolved, this.held.raw!, updateId);
      return applied.resolved;
    } catch (error) {
      this.refused(error, `version ${version} cannot be applied`);
      this.discard();
      return undefined;
    }
  }

  /** Computes the hash of what is held from scratch. Answers whether it has it; if not, it is held no longer. */
  async check(): Promise<boolean> {
    const { head, held } = this;
    const { game } = held;
    if (game === undefined || head === undefined) return true;
    const hash = await held.hash();
    const isRight = hash === head.hash || hash === this.head?.hash;
    if (!isRight && held.game === game) {
      this.witness.fault("HASH_MISMATCH", `what is held of version ${head.version} was changed by something else`);
      this.discard();
    }
    return isRight;
  }

  /** Forgets what is held, so that the whole state is asked for. */
  discard(): void {
    this.held.discard();
    this.head = undefined;
  }

  private refused(error: unknown, what: string): void {
    if (!(error instanceof Rejection)) throw error;
    this.witness.fault(error.reason, `${what}: ${error.message}`);
  }
}
