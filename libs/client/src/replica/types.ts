import type { Connection } from "../connection/connection.ts";
import type { Raw } from "../core/game-state.ts";
import type { OpenTelemetry } from "./telemetry.ts";
import type { ErrorBody, GmConnection, PresentUser, ServerGameState, SessionSummary, StateOperation, StateUpdate } from "../core/types.ts";

/** Where a replica stands. */
export type ReplicaState =
  /** Without a connection. What it holds is shown as it was. */
  | { readonly name: "offline" }
  | { readonly name: "joining" }
  /** Joined, and asking for what it lacks. */
  | { readonly name: "catching-up" }
  /** At the head of the session, as far as it was told. */
  | { readonly name: "live" }
  /** The session is not open to us. */
  | { readonly name: "refused"; readonly error: ErrorBody };

/** A version that the replica holds, with whether its hash was compared. A session may skip hashes: then there is nothing to compare. */
export interface Head {
  readonly epoch: string;
  readonly version: string;
  readonly hash: string;
  readonly verified: boolean;
  /** Server time of the version, milliseconds since the epoch. */
  readonly timestamp: number;
}

export interface ReplicaEvents {
  state: ReplicaState;
  /** The session's status or its GM changed. */
  session: SessionSummary;
  /** Who is connected, as the answer to a join names them. Who comes and goes later is told by events of its own. */
  present: readonly PresentUser[];
  /** How it is with the game master's connection: as the answer to a join says it, and each change after it. Undefined while nobody knows. */
  gmConnection: GmConnection | undefined;
  /** The whole state was replaced. */
  replaced: Head;
  /** Operations were applied in place, as they are broadcast. */
  updated: { readonly head: Head; readonly operations: readonly StateOperation[]; readonly updateId: string };
  /** Something is shown before the server confirmed it, or no longer is. */
  painted: { readonly operations: readonly StateOperation[] };
  /** An update was called, sent or settled. */
  queue: readonly StateUpdate[];
  /** A fault that concerns the whole session, or a divergence that was found and is being repaired. */
  fault: { readonly reason: string; readonly message: string };
}

/** For a state that is watched through proxies: what wraps it, and what gives back what stands behind. Vue's `reactive` and `toRaw`. */
export interface ReactiveState {
  readonly wrap: (state: ServerGameState) => ServerGameState;
  readonly raw: Raw;
}

/** A state to begin with, from an earlier visit. Read without holding the page up and shown if it has its hash, before anything is asked; the server says what it lacks. */
export interface KeptState {
  /** The state as it is hashed: its canonical JSON in UTF-8. Copied and stored at a fraction of what its objects cost. */
  readonly canonical: Uint8Array<ArrayBuffer>;
  readonly epoch: string;
  readonly version: string;
  readonly hash: string;
  readonly timestamp: number;
}

export interface ReplicaOptions {
  readonly connection: Connection;
  readonly sessionId: string;
  /** Ids of updates: unique, of `[A-Za-z0-9_-]`. */
  readonly newId?: () => string;
  readonly now?: () => number;
  readonly random?: () => number;
  /** After so long without a word about the session, its head is asked for: a dead connection shows no sign of itself. */
  readonly silenceMs?: number;
  /** An update whose outcome is unknown is sent again for so long. */
  readonly settleMs?: number;
  readonly reactive?: ReactiveState;
  readonly kept?: KeptState;
  /** For spans of updates, from the call to the last screen: the module `@opentelemetry/api`. */
  readonly openTelemetry?: OpenTelemetry;
}
