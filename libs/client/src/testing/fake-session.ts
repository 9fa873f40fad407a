import { GameState } from "../core/game-state.ts";
import { Rejection } from "../core/rejection.ts";
import { emptyState } from "../core/structure.ts";
import type {
  ErrorBody,
  ErrorCode,
  Refused,
  ServerGameState,
  SessionStatus,
  SessionSummary,
  StateAnswer,
  StateOperation,
  StateUpdate,
  StateUpdateBroadcast,
  UpdateAccepted,
} from "../core/types.ts";

export interface FakeSessionOptions {
  readonly sessionId?: string;
  readonly gameMasterId?: string;
  readonly participantIds?: readonly string[];
  readonly gameState?: Partial<ServerGameState>;
  /** Of so many versions the missed updates are told; before that, the whole state. */
  readonly history?: number;
}

interface Committed {
  readonly broadcast: StateUpdateBroadcast;
  readonly digest: string;
}

/** A session as the server has it: the same decisions in the same order, in memory. */
export class FakeSession {
  readonly id: string;
  readonly game: GameState;
  readonly participantIds: string[];
  gameMasterId: string;
  status: SessionStatus = "active";
  epoch = "epoch-1";
  /** Whole versions that were committed, oldest first. */
  readonly journal: Committed[] = [];
  private readonly history: number;
  private first = 0;
  private firstHash: string;
  private epochs = 1;

  constructor({ sessionId = "session-1", gameMasterId = "gm", participantIds = [], gameState = {}, history = 50 }: FakeSessionOptions = {}) {
    this.id = sessionId;
    this.gameMasterId = gameMasterId;
    this.participantIds = [...participantIds];
    this.game = GameState.from({ ...emptyState(), ...gameState });
    this.history = history;
    this.firstHash = this.game.hash();
  }

  get version(): string {
    return String(this.first + this.journal.length);
  }

  mayRead(userId: string): boolean {
    return userId === this.gameMasterId || this.participantIds.includes(userId);
  }

  /** What the server says to an update of this user, and what it tells the others, if it was committed now. */
  decide(update: StateUpdate, userId: string): { answer: object; broadcast?: StateUpdateBroadcast } {
    const digest = JSON.stringify(update.operations);
    const earlier = this.journal[Number(update.version) - this.first];
    if (earlier?.broadcast.updateId === update.id) {
      return { answer: earlier.digest === digest ? accepted(earlier.broadcast) : refusal("VALIDATION_ERROR", "another update had this id", "ID_REUSED") };
    }
    if (userId !== this.gameMasterId) return { answer: refusal("PERMISSION_DENIED", "only the game master may update", "NOT_GAME_MASTER") };
    if (this.status !== "active") return { answer: refusal("PERMISSION_DENIED", `the session is ${this.status}`, `SESSION_${this.status.toUpperCase()}`) };
    if (update.version !== this.version || (update.epoch !== undefined && update.epoch !== this.epoch)) return { answer: this.conflict() };
    try {
      const broadcast = this.commit(update.operations, { updateId: update.id }, digest);
      return { answer: accepted(broadcast), broadcast };
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      return { answer: refusal("VALIDATION_ERROR", error.message, error.reason) };
    }
  }

  /** Takes the next version. */
  commit(operations: readonly StateOperation[], fields: Partial<StateUpdateBroadcast> = {}, digest = ""): StateUpdateBroadcast {
    const { resolved } = this.game.apply(operations);
    const version = this.first + this.journal.length + 1;
    const broadcast: StateUpdateBroadcast = {
      sessionId: this.id,
      operations: structuredClone(resolved),
      newVersion: String(version),
      expectedHash: this.game.hash(),
      epoch: this.epoch,
      timestamp: Date.now(),
      source: "gm",
      updateId: `server-${version}`,
      kind: "update",
      ...fields,
    };
    this.journal.push({ broadcast, digest });
    if (fields.status !== undefined) this.status = fields.status;
    if (fields.gameMasterId !== undefined) this.gameMasterId = fields.gameMasterId;
    return broadcast;
  }

  /** As after a repair: what was before cannot be caught up from. */
  newEpoch(): void {
    this.first = Number(this.version);
    this.firstHash = this.game.hash();
    this.journal.length = 0;
    this.epoch = `epoch-${++this.epochs}`;
  }

  state(held: { version?: string; hash?: string | null; epoch?: string }): StateAnswer & { success: true } {
    const { id: sessionId, version: gameStateVersion, epoch, status } = this;
    const gameStateHash = this.game.hash();
    const head = { success: true as const, sessionId, gameStateVersion, gameStateHash, epoch, status, timestamp: Date.now() };
    const known = held.epoch === epoch && held.version !== undefined && this.hashAt(held.version) === held.hash;
    if (known && held.version === gameStateVersion) return { ...head, notModified: true };
    const missed = Number(gameStateVersion) - Number(held.version);
    if (known && missed > 0 && missed <= this.history) return { ...head, updates: this.journal.slice(-missed).map(({ broadcast }) => broadcast) };
    return { ...head, gameState: structuredClone(this.game.root) };
  }

  summary(): SessionSummary {
    const { id, gameMasterId, participantIds, status, epoch, version } = this;
    return {
      id,
      name: id,
      campaignId: "campaign-1",
      campaign: { id: "campaign-1" },
      gameMasterId,
      gameMaster: { userId: gameMasterId },
      participantIds: [...participantIds],
      participants: participantIds.map((userId) => ({ userId })),
      status,
      frozen: false,
      epoch,
      gameStateVersion: version,
      gameStateHash: this.game.hash(),
      lastStateUpdate: 0,
      createdAt: 0,
    };
  }

  private hashAt(version: string): string | null | undefined {
    const index = Number(version) - this.first - 1;
    return index === -1 ? this.firstHash : this.journal[index]?.broadcast.expectedHash;
  }

  private conflict(): Refused {
    const answer = refusal("VERSION_CONFLICT", "the update was made for another version");
    return { ...answer, error: { ...answer.error, currentVersion: this.version, currentHash: this.game.hash() } };
  }
}

export function refusal(code: ErrorCode, message: string, reason?: string): Refused {
  const error: ErrorBody = { code, message, retryable: false, outcome: "not_applied", details: reason === undefined ? {} : { reason } };
  return { success: false, error };
}

function accepted({ newVersion, expectedHash, epoch, timestamp }: StateUpdateBroadcast): { success: true } & UpdateAccepted {
  return { success: true, newVersion, newHash: expectedHash!, epoch, timestamp };
}
