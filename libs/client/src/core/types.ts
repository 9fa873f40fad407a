import type { FullState, MissedUpdates, NotModified, Refused } from "../generated/protocol.ts";
import type { JsonObject } from "./json.ts";

export type {
  EntryKind,
  ErrorBody,
  ErrorCode,
  FullState,
  GmConnection,
  Member as SessionMember,
  MissedUpdates,
  NotModified,
  PresentUser,
  Refused,
  SessionStatus,
  SessionSummary,
  StateUpdate,
  StateUpdateBroadcast,
  UpdateSource,
} from "../generated/protocol.ts";

/** A character, actor, item or encounter: an object of the campaign. Its fields belong to plugins. */
export type Entity = JsonObject;

/** The state of a session: pure data, five keys, no version and no hash inside. */
export interface ServerGameState {
  characters: Entity[];
  actors: Entity[];
  items: Entity[];
  currentEncounter: Entity | null;
  pluginData: JsonObject;
}

export type OperationKind = "set" | "unset" | "inc" | "push" | "pull";

/** The element of an array that has this `id`, wherever it stands. The server resolves it and broadcasts its index. */
export interface Selector {
  readonly id: string;
}

/** One step into the state: a key of an object, an index of an array in decimal, or a selector. */
export type PathSegment = string | Selector;

/**
 * Where an operation works: `characters.0.pluginData.hitPoints`, `items[3].name`, `characters.{id:abc}.name`,
 * a JSON Pointer when it starts with a slash, or the segments themselves, for keys that have a dot.
 */
export type OperationPath = string | readonly PathSegment[];

export interface StateOperation {
  path: OperationPath;
  operation: OperationKind;
  /** Needed by all but `unset`. */
  value?: unknown;
  /** Only for `push`: insert before this element instead of appending. */
  index?: number;
  /** Only for `pull`: remove at most so many elements. */
  limit?: number;
  /** Computed by the server for its journal; ignored when a client sends it. */
  previous?: unknown;
}

/** Every answer: a success with its fields, or a refusal. */
export type Ack<T> = ({ success: true } & T) | Refused;

export interface UpdateAccepted {
  newVersion: string;
  /** Absent where the session skips hashes. */
  newHash?: string;
  epoch: string;
  timestamp: number;
  traceId?: string;
}

export type StateUpdateResponse = Ack<UpdateAccepted>;

export type StateAnswer = FullState | NotModified | MissedUpdates;
