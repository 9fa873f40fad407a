import type { JsonObject } from "./json.ts";

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

export type UpdateSource = "gm" | "system";
export type SessionStatus = "scheduled" | "active" | "paused" | "ending" | "ended";

/** What the GM's client sends. A re-send after a lost answer carries the same `id` and the same `version`. */
export interface StateUpdate {
  id: string;
  sessionId: string;
  /** The version that the update is made for: the client's current one. */
  version: string;
  operations: StateOperation[];
  timestamp: number;
  source: UpdateSource;
  epoch?: string;
}

export type ErrorCode = "VERSION_CONFLICT" | "VALIDATION_ERROR" | "TRANSACTION_FAILED" | "SESSION_NOT_FOUND" | "PERMISSION_DENIED";

/** What every refusal says, on every interface. */
export interface ErrorBody {
  code: ErrorCode;
  message: string;
  currentVersion?: string;
  currentHash?: string;
  retryable: boolean;
  retryAfterMs?: number;
  /** Whether the failed update can still appear. Unknown: send it again with the same id and version to learn which. */
  outcome?: "not_applied" | "unknown";
  details: {
    reason?: string;
    operation?: number;
    path?: string;
    limit?: number;
    actual?: number;
    use?: string;
  };
  traceId?: string;
}

export interface Refused {
  success: false;
  error: ErrorBody;
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

export type EntryKind =
  | "update"
  | "start"
  | "pause"
  | "resume"
  | "ending"
  | "ended"
  | "hand-over"
  | "freeze"
  | "repair"
  | "mode"
  | "deleted";

/** What everyone else receives. Selectors are resolved to indexes; entries that only change the status have no operations. */
export interface StateUpdateBroadcast {
  sessionId: string;
  operations: StateOperation[];
  newVersion: string;
  /** Null where the session skips hashes: there is nothing to compare. */
  expectedHash: string | null;
  epoch: string;
  timestamp: number;
  source: UpdateSource;
  updateId: string;
  kind: EntryKind;
  status?: SessionStatus;
  by?: string;
  gameMasterId?: string;
}

/** Where the answer to `gameState:requestFull` stands; what all three of its forms have. */
interface StateHead {
  sessionId: string;
  gameStateVersion: string;
  epoch: string;
  timestamp: number;
  status: SessionStatus;
}

export interface FullState extends StateHead {
  gameState: ServerGameState;
  gameStateHash: string;
}

export interface NotModified extends StateHead {
  notModified: true;
  gameStateHash: string;
}

export interface MissedUpdates extends StateHead {
  updates: StateUpdateBroadcast[];
  gameStateHash: string | null;
}

export type StateAnswer = FullState | NotModified | MissedUpdates;

export interface SessionMember {
  userId: string;
  name?: string;
}

/** Somebody who is connected to a session. */
export interface PresentUser {
  userId: string;
  userName: string;
  isGM: boolean;
  since: number;
}

/** The session as a join answers it. The state is not in it. */
export interface SessionSummary {
  id: string;
  name: string;
  campaignId: string;
  campaign: { id: string; name?: string };
  gameMasterId: string;
  gameMaster: SessionMember;
  participantIds: string[];
  participants: SessionMember[];
  status: SessionStatus;
  frozen: boolean;
  epoch: string;
  gameStateVersion: string;
  gameStateHash: string | null;
  lastStateUpdate: number;
  createdAt: number;
}
