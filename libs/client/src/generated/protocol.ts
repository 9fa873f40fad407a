// Generated from libs/protocol/schemas by `npm run generate -w @stateward/client`: do not edit.

import type { ServerGameState, StateOperation } from "../core/types.ts";

export type ActorOnly = "actor";

/** The first frame's `data`. */
export interface Auth {
  /** A JSON Web Token. */
  token: string;
}

/** `auth:refresh`: the connection goes on under this token, which must be the same user's. */
export interface AuthRefresh {
  token: string;
}

export type AuthRefreshedAck = AuthRefreshedAckSuccess | Refused;

/** The answer's fields beside `success`. */
export interface AuthRefreshedAckSuccess {
  /** When the token ends, in milliseconds since the epoch. */
  expiresAt: number;
  success: true;
  /** The trace that this is part of. */
  traceId: string;
}

/** `chatbot:error`. `recipient` is read and not sent on. */
export interface BotError {
  botId: string;
  botName: string;
  error: string;
  messageType: MessageType;
  processingTime?: number;
  recipient?: Recipient;
  sessionId: SessionId;
  sources?: Source[];
}

/** `chatbot:response`. `recipient` is read and not sent on. */
export interface BotResponse {
  botId: string;
  botName: string;
  messageType: MessageType;
  processingTime?: number;
  recipient?: Recipient;
  response: string;
  sessionId: SessionId;
  sources?: Source[];
}

/** `chatbot:typing` and `chatbot:typing-stop`. `recipient` is read and not sent on. */
export interface BotTyping {
  botId: string;
  botName?: string;
  recipient?: Recipient;
  sessionId: SessionId;
}

export type CampaignId = string;

export interface CampaignSummary {
  id: CampaignId;
  name?: string;
}

/** `gameSession:join` and `gameState:requestFull`: the session's id alone, or with what the client holds. */
export type CatchUpRequest = SessionId | HeldOfSession;

export interface Chat {
  as?: SpeaksAs;
  mentions?: Mention[];
  message: string;
  recipient: Recipient;
  sessionId: SessionId;
}

/** `chat` as the recipients get it. Who sent it is the token's user, whatever the payload said. */
export interface ChatMessage {
  as?: SpeaksAs;
  id: string;
  mentions?: Mention[];
  message: string;
  recipient: Recipient;
  sender: ChatSender;
  sessionId: SessionId;
  timestamp: number;
}

export interface ChatSender {
  id: UserId;
  name: string;
  type: SenderType;
}

export type ChatSentAck = ChatSentAckSuccess | Refused;

/** The answer to `chat`. */
export interface ChatSentAckSuccess {
  id: string;
  success: true;
  timestamp: number;
  /** The trace that this is part of. */
  traceId: string;
}

export interface ClientStatus {
  isInterfaceActive: boolean;
  isProcessingActions: boolean;
  queuedActionsCount: number;
  statusMessage?: string;
}

export type CommandedAck = CommandedAckSuccess | Refused;

/** The flat answer that clients get to a command: the status beside the session, so that `ending` is seen for what it is. */
export interface CommandedAckSuccess {
  epoch: Epoch;
  /** Set when the command was an entry of the session's history: its version. */
  newVersion?: Version;
  /** What `verify`, `diff`, `mode`, `preview-sync` and the repairs found. */
  report?: Report;
  session: SessionSummary;
  status: SessionStatus;
  success: true;
  timestamp: number;
  /** The trace that this is part of. */
  traceId: string;
}

export interface Die {
  /** As in `d20`. */
  die: string;
  /** Whether it counts. */
  kept: boolean;
  result: number;
}

export interface Difference {
  /** A JSON Pointer. */
  path: string;
  what: What;
}

/** `encounter:started`, `encounter:stopped`, `encounter:paused` and `encounter:ended`. */
export interface EncounterChanged {
  encounterId: string;
  sessionId: SessionId;
  timestamp: number;
  userId: UserId;
}

/** `encounter:start`, `encounter:stop`, `encounter:pause` and `encounter:end`. */
export interface EncounterNotice {
  encounterId: string;
  sessionId: SessionId;
}

/** `gameSession:end`. */
export type EndRequest = SessionId | {
  /** Admins only: end without waiting for the backing documents. */
  force?: boolean;
  reason?: string;
  sessionId: SessionId;
};

/** What kind of entry of a session's history. */
export type EntryKind = "update" | "start" | "pause" | "resume" | "ending" | "ended" | "hand-over" | "freeze" | "repair" | "mode" | "deleted";

/**
 * A random string, new whenever a session's history starts afresh: at creation, migration and repair.
 *
 * Versions are compared only within one epoch. Another epoch is never "older": it means a full refresh.
 */
export type Epoch = string;

/** The body of every refusal, on every interface. */
export interface ErrorBody {
  code: ErrorCode;
  currentHash?: StateHash;
  currentVersion?: Version;
  details: ErrorDetails;
  message: string;
  outcome?: Outcome;
  retryAfterMs?: number;
  retryable: boolean;
  traceId?: string;
}

/** The five codes of an error. `details.reason` tells the case. */
export type ErrorCode = "VERSION_CONFLICT" | "VALIDATION_ERROR" | "TRANSACTION_FAILED" | "SESSION_NOT_FOUND" | "PERMISSION_DENIED";

/** Which operation, path or limit was refused. */
export interface ErrorDetails {
  actual?: number;
  /** The limit that was passed, and the value that passed it. */
  limit?: number;
  /** Index of the refused operation in the update. */
  operation?: number;
  /** The operation's path, or the field of the message. */
  path?: string;
  /** A stable word for the case, in capitals. */
  reason?: string;
  /** Of an import in parts: so many documents, from its beginning on, are stored. */
  stored?: number;
  /** For removed events: what to use instead. */
  use?: string;
}

/** `gameState:error` to one connection: the refusal of an event that asked for no answer. */
export interface EventRefused {
  error: ErrorBody;
  /** Its name; `unknown` where there is no such event. */
  event: string;
}

/** A frame on `/ws`. The first one is `auth`; the answer to a frame with an `id` is the event `ack` with the same `id`. */
export interface Frame {
  data: unknown;
  event: string;
  /** Asks for an answer. */
  id: FrameId | null;
  /** W3C Trace Context, as in the header `traceparent`. */
  trace: string | null;
}

export type FrameId = number | string;

/**
 * The answer to `gameState:requestFull`, with `"success":true` before its fields; the payload of the reply on NATS is the same bytes.
 *
 * `game_state` is the RFC 8785 form: its SHA-256 is `game_state_hash`.
 */
export interface FullState {
  epoch: Epoch;
  gameState: ServerGameState;
  gameStateHash: StateHash;
  gameStateVersion: Version;
  sessionId: SessionId;
  status: SessionStatus;
  /** Server time of the version, milliseconds since the epoch. */
  timestamp: number;
}

export interface GameSessionEnded {
  endedBy: UserId;
  sessionId: SessionId;
  timestamp: number;
}

export interface GameSessionJoined {
  isGM: boolean;
  sessionId: SessionId;
  timestamp: number;
  userId: UserId;
  userName: string;
}

export interface GameSessionLeft {
  sessionId: SessionId;
  timestamp: number;
  userId: UserId;
  userName: string;
}

/** `gameSession:paused` and `gameSession:resumed`. */
export interface GameSessionStatusChanged {
  by: UserId;
  sessionId: SessionId;
  timestamp: number;
}

/** `gameState:error`: a fault that concerns the whole session, such as a frozen state. */
export interface GameStateError {
  epoch?: Epoch;
  error: ErrorBody;
  sessionId: SessionId;
  timestamp: number;
}

/** `gameState:error`: of the session, or to one connection. */
export type GameStateErrorEvent = GameStateError | EventRefused;

/** How it is with the game master's connection: what `gm:connection-status` and the heartbeat's events told those who were there. */
export interface GmConnection {
  connected: boolean;
  /** Until then a game master who is gone counts as coming back. */
  graceUntil?: number;
  /** The connection is there, and the client behind it was heard last then. */
  silentSince?: number;
  /** Since when. Absent for one who has left, or has not come yet. */
  since?: number;
}

/** `gm:connection-status`, to the session. */
export interface GmConnectionStatus {
  connected: boolean;
  /** Until then a game master who is gone counts as coming back. */
  graceUntil?: number;
  sessionId: SessionId;
  since: number;
}

/** In the answer to a join that said nothing of what it holds: where the session stands. */
export interface HeadOnly {
  epoch: Epoch;
  gameStateHash: StateHash | null;
  gameStateVersion: Version;
  sessionId: SessionId;
  status: SessionStatus;
  timestamp: number;
}

/** `heartbeat:ping`, to each connection of the game master. */
export interface HeartbeatPing {
  pingId: string;
  sequence: number;
  sessionId: SessionId;
  /** Without a pong for so long the game master counts as gone. */
  timeoutMs: number;
  timestamp: number;
}

/** `heartbeat:pong`, the answer to a ping. */
export interface HeartbeatPong {
  clientStatus?: ClientStatus;
  pingId: string;
  sessionId: SessionId;
  /** The client's clock: advisory. */
  timestamp: number;
}

/** `heartbeat:quality`, to the game master. */
export interface HeartbeatQuality {
  jitterMs: number;
  missed: number;
  roundTripMs: number;
  sessionId: SessionId;
}

/** `heartbeat:reconnection`, to the session. */
export interface HeartbeatReconnection {
  disconnectionDurationMs: number;
  gmId: UserId;
  reconnectedAt: number;
  sessionId: SessionId;
}

/** `heartbeat:timeout`, to the session. */
export interface HeartbeatTimeout {
  gmId: UserId;
  lastHeartbeatAt: number;
  missedHeartbeats: number;
  sessionId: SessionId;
  timeoutDetectedAt: number;
}

/** What a client says it holds, beside the session's id, when it joins or asks for the state. */
export interface HeldOfSession {
  epoch?: Epoch;
  hash?: StateHash;
  sessionId: SessionId;
  version?: Version;
}

export type JoinAnswerAck = JoinAnswerAckSuccess | Refused;

/** The answer to a join: the session, and the state if the client said what it holds. */
export type JoinAnswerAckSuccess = (FullState | MissedUpdates | NotModified | HeadOnly) & {
  /** What this gateway can beyond the events of the plan. */
  features: string[];
  /** Absent while this gateway cannot know it, such as when it has just started. */
  gmConnection?: GmConnection;
  limits: Limits;
  /** Those who are in the session already, the game master first; where they are many, the first of them. */
  present: PresentUser[];
  presentCount: number;
  protocolVersion: number;
  session: SessionSummary;
  success: true;
  /** The trace that this is part of. */
  traceId: string;
};

/** `gameSession:leave`. */
export type LeaveRequest = SessionId | {
  sessionId: SessionId;
};

export interface Limits {
  /** Elements of one array. */
  arrayElements: number;
  /** Comparisons that one update may cost. */
  comparisons: number;
  /** Connections from one address, and of one gateway. Absent: no limit. */
  connectionsPerAddress?: number;
  connectionsPerGateway?: number;
  connectionsPerUser: number;
  /** Levels of the state, and segments of a path. */
  depth: number;
  /** Events other than updates, per second and connection, with bursts of twice as many. */
  eventsPerSecond: number;
  /** Bytes of one client frame. */
  frameBytes: number;
  /**
   * Joins, and apart from them full states and fresh tokens, per second and connection. They do not count as events. A burst
   * has one for each session that a connection may join.
   */
  joinsPerSecond: number;
  /** Values in the whole state. */
  nodes: number;
  /** Operations of one update. */
  operations: number;
  /** Bytes of a path. */
  pathBytes: number;
  refreshesPerSecond: number;
  /** Bytes of one segment of a path. */
  segmentBytes: number;
  sessionsPerConnection: number;
  /** Bytes of the state as BSON. */
  stateBsonBytes: number;
  /** Bytes of the state's canonical form. */
  stateBytes: number;
  waitingUpdateBytes: number;
  /** Updates that wait for their turn on one connection: count and bytes. Past either, the gateway stops reading the socket. */
  waitingUpdates: number;
}

export type MapAcceptedAck = MapAcceptedAckSuccess | Refused;

/** The answer to those: a worker has the request. */
export interface MapAcceptedAckSuccess {
  accepted: boolean;
  success: true;
  /** The trace that this is part of. */
  traceId: string;
  workflowId: WorkflowId;
}

/** `map:generate`, `map:edit` and `map:detect-features`. */
export interface MapRequest {
  data: unknown;
  workflowId: WorkflowId;
}

/** A user with the name that is shown; the name is absent until the user was seen. */
export interface Member {
  name?: string;
  userId: UserId;
}

/** Somebody named in a message. The indexes are UTF-16 units, as JavaScript counts. */
export interface Mention {
  endIndex: number;
  id: string;
  name: string;
  participantId: string;
  startIndex: number;
  type: Mentioned;
}

export type Mentioned = "user" | "actor" | "bot";

export type MessageType = "direct" | "mention";

/** The caller is a little behind: what it missed, in order, as broadcasts. */
export interface MissedUpdates {
  epoch: Epoch;
  gameStateHash: StateHash | null;
  gameStateVersion: Version;
  sessionId: SessionId;
  status: SessionStatus;
  timestamp: number;
  updates: StateUpdateBroadcast[];
}

/** The caller holds the current state already. */
export interface NotModified {
  epoch: Epoch;
  gameStateHash: StateHash;
  gameStateVersion: Version;
  notModified: boolean;
  sessionId: SessionId;
  status: SessionStatus;
  timestamp: number;
}

export type NothingAck = NothingAckSuccess | Refused;

/** A success that has nothing to tell. */
export interface NothingAckSuccess {
  success: true;
  /** The trace that this is part of. */
  traceId: string;
}

/** Whether a failed update can still appear. */
export type Outcome = "not_applied" | "unknown";

/** One who is in a session, in the answer of `gameSession:join`. */
export interface PresentUser {
  isGM: boolean;
  since: number;
  userId: UserId;
  userName: string;
}

export type Recipient = {
  type: "session";
} | {
  id: UserId;
  type: "user";
} | {
  type: "gm";
};

/** A refusal. */
export interface Refused {
  error: ErrorBody;
  success: false;
}

export type Report = {
  /** Where the document stands. */
  documentVersion: Version;
  hash: StateHash;
  kind: "verified";
  /** The end of the journal, and the hash recomputed there. What is not sound is refused instead, and frozen. */
  version: Version;
} | {
  /** In the order of the state. Empty: the states are equal. */
  differences: Difference[];
  hash: StateHash;
  kind: "differences";
  /** Whether there are more of them. */
  truncated: boolean;
  version: Version;
} | {
  kind: "preview";
  writeBack: WriteBackPreview;
} | {
  direct: boolean;
  kind: "mode";
  skipHashes: boolean;
} | {
  /** Names the backup of what was replaced. */
  backup: Version;
  kind: "repaired";
  /** Entries of the journal that were applied to what was stored. */
  replayed: number;
};

/** `gameState:resync`: frames were dropped, ask with `gameState:requestFull`. */
export interface Resync {
  sessionId: SessionId;
}

export interface Roll {
  formula: string;
  reason?: string;
  recipients: RollRecipients;
  sessionId: SessionId;
}

/** Everyone, the roller alone, or the roller and the game master. */
export type RollRecipients = "public" | "private" | "gm";

/** The answer to `roll`, and `roll:result` for its recipients. */
export interface RollResult {
  formula: string;
  id: string;
  /** What the total has beside the sum of the dice that count. */
  modifier: number;
  reason?: string;
  recipients: RollRecipients;
  rolls: Die[];
  sessionId: SessionId;
  timestamp: number;
  total: number;
  userId: UserId;
  userName: string;
}

export type RollResultAck = RollResultAckSuccess | Refused;

/** The answer to `roll`, and `roll:result` for its recipients. */
export interface RollResultAckSuccess {
  formula: string;
  id: string;
  /** What the total has beside the sum of the dice that count. */
  modifier: number;
  reason?: string;
  recipients: RollRecipients;
  rolls: Die[];
  sessionId: SessionId;
  success: true;
  timestamp: number;
  total: number;
  /** The trace that this is part of. */
  traceId: string;
  userId: UserId;
  userName: string;
}

export type SenderType = "user";

export type SessionAction = "pause" | "resume" | "end";

/** `gm:session-control`: the same as the commands of REST. */
export interface SessionControl {
  action: SessionAction;
  reason?: string;
  sessionId: SessionId;
}

export type SessionId = string;

export type SessionStatus = "scheduled" | "active" | "paused" | "ended" | "ending";

/** The session as joins and REST reads answer it: campaign, GM and participants with names. The state itself is not in it. */
export interface SessionSummary {
  campaign: CampaignSummary;
  campaignId: CampaignId;
  createdAt: number;
  epoch: Epoch;
  /** A fault was found in the stored state: no updates until it is repaired. */
  frozen: boolean;
  gameMaster: Member;
  gameMasterId: UserId;
  gameStateHash: StateHash | null;
  gameStateVersion: Version;
  id: SessionId;
  /** Server time of the version above, milliseconds since the epoch. */
  lastStateUpdate: number;
  name: string;
  participantIds: UserId[];
  participants: Member[];
  scheduledFor?: number;
  status: SessionStatus;
  sync?: SyncMark;
}

/** Where a bot has its answer from. */
export interface Source {
  page?: unknown;
  section?: string;
  title: string;
  url?: string;
}

/** The character that a player speaks as: a matter of play, shown beside the sender. */
export interface SpeaksAs {
  id: string;
  type: ActorOnly;
}

export type StateAnswerAck = StateAnswerAckSuccess | Refused;

/** The state as clients get it: whole, as what they missed, or as a word that they have it. */
export type StateAnswerAckSuccess = (FullState | MissedUpdates | NotModified) & {
  success: true;
  /** The trace that this is part of. */
  traceId: string;
};

/** SHA-256 of the state's RFC 8785 form, in lowercase hexadecimal. */
export type StateHash = string;

/**
 * `gameState:update`, and unchanged the payload of `session.<id>.update`.
 *
 * Operations stay the raw JSON that the client wrote: encoding numbers again could change them.
 */
export interface StateUpdate {
  /** Clients that know epochs send theirs, and are refused when it is another than the session's. */
  epoch?: Epoch;
  /** Idempotency key. A re-send after a lost answer carries the same id and the same version. */
  id: UpdateId;
  operations: StateOperation[];
  sessionId: SessionId;
  /** `gm` or `system`; the server stamps its own from the credentials. */
  source: UpdateSource;
  /** The client's clock, milliseconds since the epoch: advisory. Broadcasts carry the server's. */
  timestamp: number;
  /** The version that the update is made for: the client's current one. */
  version: Version;
}

/** `gameState:updated`, and unchanged the payload of `session.<id>.updated`: a gateway puts these bytes into a frame as they are. */
export interface StateUpdateBroadcast {
  /** For entries other than updates: who asked. */
  by?: UserId;
  epoch: Epoch;
  /** Null where the session skips hashes: the replica skips its comparison. */
  expectedHash: StateHash | null;
  /** For a hand-over: the GM from this version on. */
  gameMasterId?: UserId;
  kind: EntryKind;
  newVersion: Version;
  /** Operations with selectors resolved to indexes; empty for entries that only change the session's status. */
  operations: StateOperation[];
  sessionId: SessionId;
  source: UpdateSource;
  /** For entries that change it: the session's status from this version on. */
  status?: SessionStatus;
  /** Server time of the commit, milliseconds since the epoch. */
  timestamp: number;
  updateId: UpdateId;
}

/** What the backing documents of the campaign show. */
export interface SyncMark {
  at: number;
  error?: string;
  version: Version;
}

export type UpdateAcceptedAck = UpdateAcceptedAckSuccess | Refused;

/** The successful answer to an update, `{"success":true,...}` on the wire. */
export interface UpdateAcceptedAckSuccess {
  epoch: Epoch;
  /** Absent where the session skips hashes. */
  newHash?: StateHash;
  newVersion: Version;
  success: true;
  /** Server time of the commit, milliseconds since the epoch. */
  timestamp: number;
  /** The trace that this is part of. */
  traceId: string;
}

export type UpdateId = string;

export type UpdateSource = "gm" | "system";

export type UserId = string;

/** `user:left`, beside `gameSession:left`. `user:joined` is as `gameSession:joined`. */
export interface UserLeft {
  isGM: boolean;
  sessionId: SessionId;
  timestamp: number;
  userId: UserId;
  userName: string;
}

/** The number of a state within its session, as a decimal string without leading zeros: "0" to "9007199254740991". */
export type Version = string;

/** What the client's state has at the place. */
export type What = "different" | "missing" | "extra";

export type WorkflowId = string;

/** `workflow:progress:*` and `workflow:state:*`, from a service to one user. */
export interface WorkflowProgress {
  data?: unknown;
  message?: string;
  progress?: number;
  state?: string;
  type: string;
  userId: UserId;
  workflowId: WorkflowId;
}

export type WriteBackAction = "create" | "change" | "delete" | "mark";

/** What would become of one document. */
export interface WriteBackChange {
  action: WriteBackAction;
  /** Of the document; `pluginData` of the campaign. */
  id: string;
  /** The kind of its entity, or `campaign`. */
  kind: string;
}

export type WriteBackFault = "no-id" | "twice" | "foreign" | "newer" | "overwritten" | "skipped" | "conflict";

export interface WriteBackFinding {
  fault: WriteBackFault;
  id: string;
  kind: string;
}

/** What a write-back would do now, entity by entity. Nothing of it is done. */
export interface WriteBackPreview {
  changes: WriteBackChange[];
  /** Why nothing at all would be written. */
  refused?: string;
  report: WriteBackReport;
  sessionId: SessionId;
  status: SessionStatus;
  /** What the backing documents show, as far as this session has written them. */
  synced: Version | null;
  /** Whether there are more changes or findings than are told here. */
  truncated: boolean;
  /** Of the state that would be written. */
  version: Version;
}

/** What becomes of a session's entities. */
export interface WriteBackReport {
  /** What somebody should know, entity by entity. */
  findings: WriteBackFinding[];
  removed: number;
  unchanged: number;
  written: number;
}

/** What a client sends: its data, and what comes back. Names that end in `:` begin a family of names. */
export interface ClientEvents {
  /** Goes on under a fresh token of the same user, on the open connection. */
  "auth:refresh": { data: AuthRefresh; answer: AuthRefreshedAck };
  /** Says something to the session, to one user of it, or to its game master. */
  chat: { data: Chat; answer: ChatSentAck };
  /** A bot could not answer. */
  "chatbot:error": { data: BotError; answer: NothingAck };
  /** A bot answers, to the session or to one user of it. */
  "chatbot:response": { data: BotResponse; answer: NothingAck };
  /** A bot has stopped. */
  "chatbot:typing-stop": { data: BotTyping; answer: NothingAck };
  /** A bot begins to answer. */
  "chatbot:typing": { data: BotTyping; answer: NothingAck };
  /** An old name of `roll`. */
  diceRoll: { data: Roll; answer: RollResultAck };
  /** Tells the session that the encounter is over. It changes nothing. */
  "encounter:end": { data: EncounterNotice; answer: NothingAck };
  /** Tells the session that the encounter pauses. It changes nothing. */
  "encounter:pause": { data: EncounterNotice; answer: NothingAck };
  /** Tells the session that an encounter has started. It changes nothing. */
  "encounter:start": { data: EncounterNotice; answer: NothingAck };
  /** Tells the session that the encounter has stopped. It changes nothing. */
  "encounter:stop": { data: EncounterNotice; answer: NothingAck };
  /** Ends a session: its campaign's documents are written, then it is `ended`. */
  "gameSession:end": { data: EndRequest; answer: CommandedAck };
  /** Joins a session: its events come from now on, and the answer brings the client up to date. */
  "gameSession:join": { data: CatchUpRequest; answer: JoinAnswerAck };
  /** Leaves a session: this connection gets nothing more of it. Whoever may join may come back. */
  "gameSession:leave": { data: LeaveRequest; answer: NothingAck };
  /** Asks for the state: whole, or what the client missed since the version that it holds. */
  "gameState:requestFull": { data: CatchUpRequest; answer: StateAnswerAck };
  /** Changes the state: all operations or none. A re-send after a lost answer carries the same id and version. */
  "gameState:update": { data: StateUpdate; answer: UpdateAcceptedAck };
  /** Pauses, resumes or ends the session, as the REST commands do. */
  "gm:session-control": { data: SessionControl; answer: CommandedAck };
  /** Answers `heartbeat:ping`. */
  "heartbeat:pong": { data: HeartbeatPong; answer: NothingAck };
  /** Asks a worker what is on a map. */
  "map:detect-features": { data: MapRequest; answer: MapAcceptedAck };
  /** Asks a worker to change a map. */
  "map:edit": { data: MapRequest; answer: MapAcceptedAck };
  /** Asks a worker for a map. The answer says that one has the request; progress follows to the user. */
  "map:generate": { data: MapRequest; answer: MapAcceptedAck };
  /** An old name of `roll`. */
  "roll-result": { data: Roll; answer: RollResultAck };
  /** Rolls dice on the server: for everyone, for the roller alone, or for the roller and the game master. */
  roll: { data: Roll; answer: RollResultAck };
  /** How far a worker is, for one user. Any name that begins so. */
  "workflow:progress:": { data: WorkflowProgress; answer: NothingAck };
  /** What a worker is at, for one user. Any name that begins so. */
  "workflow:state:": { data: WorkflowProgress; answer: NothingAck };
}

/** What a client receives. Names that end in `:` begin a family of names. */
export interface ServerEvents {
  /** To: recipients of the message, and the sender. */
  chat: ChatMessage;
  /** To: session or one user. */
  "chatbot:error": BotError;
  /** To: session or one user. */
  "chatbot:response": BotResponse;
  /** To: session or one user. */
  "chatbot:typing": BotTyping;
  /** To: session or one user. */
  "chatbot:typing-stop": BotTyping;
  /** To: session. */
  "encounter:ended": EncounterChanged;
  /** To: session. */
  "encounter:paused": EncounterChanged;
  /** To: session. */
  "encounter:started": EncounterChanged;
  /** To: session. */
  "encounter:stopped": EncounterChanged;
  /** To: session. */
  "gameSession:ended": GameSessionEnded;
  /** To: session, except the user. */
  "gameSession:joined": GameSessionJoined;
  /** To: session, except the user. */
  "gameSession:left": GameSessionLeft;
  /** To: session. */
  "gameSession:paused": GameSessionStatusChanged;
  /** To: session. */
  "gameSession:resumed": GameSessionStatusChanged;
  /** To: session, or one connection. */
  "gameState:error": GameStateErrorEvent;
  /** To: one connection. */
  "gameState:resync": Resync;
  /** To: session. */
  "gameState:updated": StateUpdateBroadcast;
  /** To: session. */
  "gm:connection-status": GmConnectionStatus;
  /** To: the game master's connections. */
  "heartbeat:ping": HeartbeatPing;
  /** To: the game master. */
  "heartbeat:quality": HeartbeatQuality;
  /** To: session. */
  "heartbeat:reconnection": HeartbeatReconnection;
  /** To: session. */
  "heartbeat:timeout": HeartbeatTimeout;
  /** To: recipients of the roll. */
  "roll:result": RollResult;
  /** To: session, except the user. */
  "user:joined": GameSessionJoined;
  /** To: session, except the user. */
  "user:left": UserLeft;
  /** To: one user. */
  "workflow:progress:": WorkflowProgress;
  /** To: one user. */
  "workflow:state:": WorkflowProgress;
}
