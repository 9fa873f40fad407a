import { NoAnswer, type Connection } from "../connection/connection.ts";
import { Emitter } from "../connection/emitter.ts";
import { GameState } from "../core/game-state.ts";
import { NO_LIMITS } from "../core/limits.ts";
import { Rejection } from "../core/rejection.ts";
import type {
  Ack,
  ErrorBody,
  FullState,
  ServerGameState,
  SessionStatus,
  SessionSummary,
  StateAnswer,
  StateOperation,
  StateUpdate,
  StateUpdateBroadcast,
  UpdateAccepted,
} from "../core/types.ts";
import { compareVersions, isValidNextVersion, isVersion } from "../core/version.ts";
import { deliver, notSent, retryMs } from "./deliver.ts";
import type { Head, ReplicaEvents, ReplicaOptions, ReplicaState } from "./types.ts";

/** Broadcasts that came before the answer they follow. More than these are asked for again. */
const EARLY_BROADCASTS = 256;

/** A verified copy of a session's state: joins, catches up, applies what comes, compares each hash, and repairs itself. */
export class Replica {
  private readonly connection: Connection;
  private readonly sessionId: string;
  private readonly options: Required<ReplicaOptions>;
  private readonly emitter = new Emitter<ReplicaEvents>();
  private readonly early: StateUpdateBroadcast[] = [];
  private readonly detach: (() => void)[];
  private current: ReplicaState = { name: "offline" };
  private game: GameState | undefined;
  private at: Head | undefined;
  private summary: SessionSummary | undefined;
  private retries = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  /** Counts connections: an answer to a request of an older one is not looked at. */
  private round = 0;
  private updates: Promise<unknown> = Promise.resolve();

  constructor(options: ReplicaOptions) {
    this.options = { newId: randomId, now: Date.now, random: Math.random, silenceMs: 30_000, settleMs: 60_000, ...options };
    this.connection = options.connection;
    this.sessionId = options.sessionId;
    this.detach = [
      this.connection.on("state", () => {
        this.follow();
      }),
      this.connection.on("event", ({ name, data }) => {
        this.receive(name, data);
      }),
    ];
    this.follow();
  }

  get state(): ReplicaState {
    return this.current;
  }

  /** What is held; changed in place by what comes. Undefined before the first answer, and while a state that went wrong is replaced. */
  get gameState(): ServerGameState | undefined {
    return this.game?.root;
  }

  get head(): Head | undefined {
    return this.at;
  }

  get session(): SessionSummary | undefined {
    return this.summary;
  }

  on<Name extends keyof ReplicaEvents>(name: Name, listener: (payload: ReplicaEvents[Name]) => void): () => void {
    return this.emitter.on(name, listener);
  }

  /** Lets go of the connection, which stays as it is. */
  stop(): void {
    this.leaveRound();
    for (const detach of this.detach) detach();
    this.setState({ name: "offline" });
  }

  /**
   * Sends operations for the version held, one update after another, and answers what came of this one.
   *
   * An update whose outcome is unknown is sent again with the same id and version until the server tells it.
   */
  update(operations: readonly StateOperation[]): Promise<Ack<UpdateAccepted>> {
    const turn = this.updates.then(() => this.send(operations));
    this.updates = turn.catch(() => undefined);
    return turn;
  }

  private follow(): void {
    this.leaveRound();
    if (this.connection.state.name === "open") void this.join(this.round);
    else this.setState({ name: "offline" });
  }

  private leaveRound(): void {
    this.round++;
    this.retries = 0;
    this.early.length = 0;
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
  }

  private async join(round: number): Promise<void> {
    this.setState({ name: "joining" });
    const answer = await this.ask<{ session: SessionSummary }>(round, "gameSession:join", this.position());
    if (answer === undefined) return;
    if (!answer.success) {
      this.retryOrRefuse(answer.error, () => void this.join(round));
      return;
    }
    this.summary = answer.session;
    this.emitter.emit("session", answer.session);
    await this.catchUp(round, this.position());
  }

  /** Asks for what is missed since `held`, or for everything. */
  private async catchUp(round: number, held: object): Promise<void> {
    this.setState({ name: "catching-up" });
    const answer = await this.ask<StateAnswer>(round, "gameState:requestFull", held);
    if (answer === undefined) return;
    if (!answer.success) {
      this.retryOrRefuse(answer.error, () => void this.catchUp(round, this.position()));
      return;
    }
    if (!this.take(answer)) {
      this.discard();
      this.resync();
      return;
    }
    this.retries = 0;
    this.setState({ name: "live" });
    for (const broadcast of this.early.splice(0)) this.follows(broadcast);
  }

  /** Whether the answer left us with a state that is as good as its head says. */
  private take(answer: StateAnswer): boolean {
    this.noteStatus(answer.status);
    if ("gameState" in answer) return this.replace(answer);
    if ("notModified" in answer) return this.at?.version === answer.gameStateVersion && this.at.epoch === answer.epoch;
    for (const broadcast of answer.updates) {
      if (this.isNew(broadcast) && !this.apply(broadcast)) return false;
    }
    return this.at?.epoch === answer.epoch && compareVersions(this.at.version, answer.gameStateVersion) >= 0;
  }

  private replace({ gameState, gameStateVersion: version, gameStateHash: expected, epoch, timestamp }: FullState): boolean {
    // An answer may be overtaken by what came meanwhile.
    if (this.at?.epoch === epoch && compareVersions(version, this.at.version) < 0) return true;
    const next = GameState.from(gameState, NO_LIMITS);
    const hash = next.hash();
    if (hash !== expected) {
      this.fault("HASH_MISMATCH", `the full state of version ${version} does not have its hash`);
      return false;
    }
    this.game = next;
    this.at = { epoch, version, hash, verified: true, timestamp };
    this.emitter.emit("replaced", this.at);
    return true;
  }

  private receive(name: string, data: unknown): void {
    if (typeof data !== "object" || data === null || (data as { sessionId?: unknown }).sessionId !== this.sessionId) return;
    this.listen();
    switch (name) {
      case "gameState:updated":
        this.follows(data as StateUpdateBroadcast);
        break;
      case "gameState:resync":
        this.resync();
        break;
      case "gameState:error": {
        const { error } = data as { error: ErrorBody };
        this.fault(error.details.reason ?? error.code, error.message);
        break;
      }
      default:
    }
  }

  private follows(broadcast: StateUpdateBroadcast): void {
    if (this.current.name !== "live") {
      if (this.early.length < EARLY_BROADCASTS) this.early.push(broadcast);
      return;
    }
    if (this.isNew(broadcast) && !this.apply(broadcast)) this.resync();
  }

  /** Versions are compared within one epoch only: another epoch is never old. */
  private isNew({ epoch, newVersion }: StateUpdateBroadcast): boolean {
    return this.at?.epoch !== epoch || compareVersions(newVersion, this.at.version) > 0;
  }

  /** Applies the next version. False if it is not the next, or does not lead to the state that it should. */
  private apply({ operations, newVersion, expectedHash, epoch, timestamp, status, gameMasterId }: StateUpdateBroadcast): boolean {
    if (this.game === undefined || this.at?.epoch !== epoch || !isValidNextVersion(this.at.version, newVersion)) return false;
    if (!this.advance(operations, newVersion, expectedHash, timestamp)) return false;
    this.noteStatus(status, gameMasterId);
    return true;
  }

  private advance(operations: readonly StateOperation[], version: string, expected: string | null, timestamp: number): boolean {
    const game = this.game!;
    try {
      const applied = game.apply(operations);
      const hash = game.hash();
      if (expected !== null && hash !== expected) {
        game.putBack(applied);
        this.fault("HASH_MISMATCH", `version ${version} does not lead to its hash`);
        // The state held is not what the server has: nothing can follow it.
        this.discard();
        return false;
      }
      this.at = { epoch: this.at!.epoch, version, hash, verified: expected !== null, timestamp };
      this.emitter.emit("updated", { head: this.at, operations: applied.resolved });
      return true;
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.fault(error.reason, `version ${version} cannot be applied: ${error.message}`);
      this.discard();
      return false;
    }
  }

  /** Forgets what is held, so that the whole state is asked for. */
  private discard(): void {
    this.game = undefined;
    this.at = undefined;
  }

  /** One at a time: while one is under way, what comes is kept and looked at after it. */
  private resync(): void {
    if (this.current.name === "live" || this.current.name === "catching-up") {
      this.setState({ name: "catching-up" });
      // A little apart, so that what all replicas of a session missed is not asked for by all of them at once.
      this.retryLater(() => void this.catchUp(this.round, this.position()));
    }
  }

  private position(): object {
    const { sessionId } = this;
    return this.at === undefined ? { sessionId } : { sessionId, version: this.at.version, hash: this.at.hash, epoch: this.at.epoch };
  }

  private async send(operations: readonly StateOperation[]): Promise<Ack<UpdateAccepted>> {
    if (this.at === undefined) return notSent("the state is not there yet");
    const { epoch, version } = this.at;
    const id = this.options.newId();
    const update: StateUpdate = { id, sessionId: this.sessionId, version, operations: [...operations], timestamp: this.options.now(), source: "gm", epoch };
    const answer = await deliver(this.connection, update, this.options);
    if (answer.success) this.accept(update, answer);
    else if (answer.error.code === "VERSION_CONFLICT") this.resync();
    return answer;
  }

  /** The sender applies from the answer: its broadcast goes to the others. If catching up was faster, there is nothing to do. */
  private accept({ operations, version }: StateUpdate, { newVersion, newHash, epoch, timestamp }: UpdateAccepted): void {
    if (!isVersion(newVersion) || (this.at?.epoch === epoch && compareVersions(newVersion, this.at.version) <= 0)) return;
    const next = this.current.name === "live" && this.at?.epoch === epoch && this.at.version === version && isValidNextVersion(version, newVersion);
    if (!next || !this.advance(operations, newVersion, newHash ?? null, timestamp)) this.resync();
  }

  /** The answer, or undefined if the connection it was asked on is gone. */
  private async ask<T extends object>(round: number, event: string, data: object): Promise<Ack<T> | undefined> {
    try {
      const answer = await this.connection.request<T>(event, data);
      if (round !== this.round) return undefined;
      this.listen();
      return answer;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      // A connection that does not answer is as good as none.
      if (round === this.round && error.why === "deadline") this.connection.reconnect();
      return undefined;
    }
  }

  private retryOrRefuse(error: ErrorBody, again: () => void): void {
    if (error.retryable) this.retryLater(again, error.retryAfterMs);
    else this.setState({ name: "refused", error });
  }

  private retryLater(again: () => void, atLeastMs = 0): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(again, Math.max(atLeastMs, retryMs(this.retries, this.options.random)));
    this.retries++;
  }

  /** Something was heard. If nothing more is for long, the head is asked for, which also tells a dead connection. */
  private listen(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(() => {
      if (this.current.name === "live") void this.catchUp(this.round, this.position());
    }, this.options.silenceMs);
  }

  private noteStatus(status: SessionStatus | undefined, gameMasterId?: string): void {
    if (this.summary === undefined) return;
    const next = { ...this.summary, status: status ?? this.summary.status, gameMasterId: gameMasterId ?? this.summary.gameMasterId };
    if (next.status === this.summary.status && next.gameMasterId === this.summary.gameMasterId) return;
    this.summary = next;
    this.emitter.emit("session", next);
  }

  private fault(reason: string, message: string): void {
    this.emitter.emit("fault", { reason, message });
  }

  private setState(state: ReplicaState): void {
    this.current = state;
    this.emitter.emit("state", state);
  }
}

/** 128 random bits, as the server's own ids. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
