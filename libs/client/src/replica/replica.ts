import { NoAnswer, type Connection } from "../connection/connection.ts";
import { Emitter } from "../connection/emitter.ts";
import { NO_LIMITS, type Limits } from "../core/limits.ts";
import { Rejection } from "../core/rejection.ts";
import type {
  Ack,
  ErrorBody,
  FullState,
  PresentUser,
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
import { notSent } from "../queue/refusal.ts";
import type { Intent, UpdateOptions } from "../queue/types.ts";
import { UpdateQueue } from "../queue/update-queue.ts";
import { deliver, retryMs } from "./deliver.ts";
import { Held } from "./held.ts";
import { endSpan, Telemetry } from "./telemetry.ts";
import type { Head, KeptState, ReplicaEvents, ReplicaOptions, ReplicaState } from "./types.ts";

/** Broadcasts that came before the answer they follow. More than these are asked for again. */
const EARLY_BROADCASTS = 256;

/** Of faults that end what this connection hears of the session. */
const TAKEN_OUT: readonly string[] = ["NOT_A_PARTICIPANT", "MEMBERSHIP_UNKNOWN"];

/** A verified copy of a session's state: joins, catches up, applies what comes, compares each hash, and repairs itself. */
export class Replica {
  private readonly connection: Connection;
  private readonly sessionId: string;
  private readonly options: Required<Pick<ReplicaOptions, "newId" | "now" | "random" | "silenceMs" | "settleMs">>;
  private readonly emitter = new Emitter<ReplicaEvents>();
  private readonly early: StateUpdateBroadcast[] = [];
  private readonly detach: (() => void)[];
  private current: ReplicaState = { name: "offline" };
  private readonly held: Held;
  private readonly telemetry: Telemetry;
  private readonly queue: UpdateQueue;
  private limits: Limits & { readonly frameBytes?: number } = NO_LIMITS;
  private stopped = false;
  private at: Head | undefined;
  private summary: SessionSummary | undefined;
  private retries = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;
  /** Counts connections: an answer to a request of an older one is not looked at. */
  private round = 0;

  constructor(options: ReplicaOptions) {
    this.options = { newId: randomId, now: Date.now, random: Math.random, silenceMs: 30_000, settleMs: 60_000, ...options };
    this.connection = options.connection;
    this.sessionId = options.sessionId;
    this.held = new Held(options.reactive);
    this.telemetry = new Telemetry(options.openTelemetry, options.sessionId);
    this.queue = new UpdateQueue(this.host());
    if (options.kept !== undefined) this.begin(options.kept);
    this.detach = [
      this.connection.on("state", () => {
        this.follow();
      }),
      this.connection.on("event", ({ name, data, trace }) => {
        this.receive(name, data, trace);
      }),
    ];
    this.follow();
  }

  get state(): ReplicaState {
    return this.current;
  }

  /** What is held, with what is painted over it; changed in place by what comes. Undefined before the first answer, and while a state that went wrong is replaced. */
  get gameState(): ServerGameState | undefined {
    return this.held.game?.root;
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

  /** Updates that were called and are not settled, in order; the first one may be on its way. */
  get pending(): readonly StateUpdate[] {
    return this.queue.pending;
  }

  get isUpdating(): boolean {
    return this.queue.isUpdating;
  }

  /** Lets go of the connection, which stays as it is. Updates that were not sent are refused. */
  stop(): void {
    this.stopped = true;
    this.leaveRound();
    for (const detach of this.detach) detach();
    this.setState({ name: "offline" });
  }

  /**
   * Makes an update of operations, or of what a function of the state answers when its turn comes: one after another, each for the
   * version that the one before led to, and each call answered by what came of it. Calls without a connection wait for one.
   *
   * An update whose outcome is unknown is sent again with the same id and version until the server tells it.
   */
  async update(change: Intent | readonly StateOperation[], options?: UpdateOptions): Promise<Ack<UpdateAccepted>> {
    const span = this.telemetry.update();
    const answer = await this.queue.add(change, options, span);
    if (answer.success) endSpan(span, "success", answer.newVersion);
    else endSpan(span, answer.error.code);
    return answer;
  }

  /** A copy of what is held, without what is painted over it, to begin with another time. */
  snapshot(): KeptState | undefined {
    const gameState = this.held.copy();
    if (gameState === undefined || this.at === undefined) return undefined;
    const { epoch, version, hash, timestamp } = this.at;
    return { gameState, epoch, version, hash, timestamp };
  }

  /**
   * Computes the hash of what is held from scratch, in a worker if it is large, and asks for the head.
   * For a page that comes back after it was hidden. Answers whether what was held had its hash.
   */
  async check(): Promise<boolean> {
    const { at, held } = this;
    const { game } = held;
    if (game === undefined || at === undefined) return true;
    const hash = await held.hash();
    const right = hash === at.hash || hash === this.at?.hash;
    if (!right && held.game === game) {
      this.fault("HASH_MISMATCH", `what is held of version ${at.version} was changed by something else`);
      this.discard();
    }
    if (this.current.name === "live") {
      if (this.at === undefined) this.resync();
      else void this.catchUp(this.round, this.position());
    }
    return right;
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
    const answer = await this.ask<{ session: SessionSummary; present?: readonly PresentUser[]; limits?: Partial<Limits> & { frameBytes?: number } }>(round, "gameSession:join", this.position());
    if (answer === undefined) return;
    if (!answer.success) {
      this.retryOrRefuse(answer.error, () => void this.join(round));
      return;
    }
    this.summary = answer.session;
    this.limits = { ...NO_LIMITS, ...answer.limits };
    this.emitter.emit("session", answer.session);
    this.emitter.emit("present", answer.present ?? []);
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
    const isGood = await this.take(answer, round);
    if (round !== this.round) return;
    if (!isGood) {
      this.discard();
      this.resync();
      return;
    }
    this.retries = 0;
    this.setState({ name: "live" });
    for (const broadcast of this.early.splice(0)) this.follows(broadcast);
  }

  /** Whether the answer left us with a state that is as good as its head says. */
  private async take(answer: StateAnswer, round: number): Promise<boolean> {
    this.noteStatus(answer.status);
    if ("gameState" in answer) return this.replace(answer, round);
    if ("notModified" in answer) return this.at?.version === answer.gameStateVersion && this.at.epoch === answer.epoch;
    for (const broadcast of answer.updates) {
      if (this.isNew(broadcast) && !this.apply(broadcast)) return false;
    }
    return this.at?.epoch === answer.epoch && compareVersions(this.at.version, answer.gameStateVersion) >= 0;
  }

  private async replace({ gameState, gameStateVersion: version, gameStateHash: expected, epoch, timestamp }: FullState, round: number): Promise<boolean> {
    const isOvertaken = (): boolean => this.at?.epoch === epoch && compareVersions(version, this.at.version) < 0;
    if (isOvertaken()) return true;
    try {
      const read = await this.held.read(gameState);
      if (round !== this.round || isOvertaken()) return true;
      if (read.hash !== expected) {
        this.fault("HASH_MISMATCH", `the full state of version ${version} does not have its hash`);
        return false;
      }
      const operations = this.held.take(read);
      this.at = { epoch, version, hash: expected, verified: true, timestamp };
      if (operations.length > 0) this.queue.foreign(operations, this.held.raw!);
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.fault(error.reason, `the full state of version ${version} cannot be held: ${error.message}`);
      return false;
    }
    this.emitter.emit("replaced", this.at);
    await this.held.warm();
    return true;
  }

  /** Shows what an earlier visit kept, unless it is not what its hash says. */
  private begin({ gameState, epoch, version, hash, timestamp }: KeptState): void {
    if (isVersion(version) && this.held.begin(gameState, hash)) this.at = { epoch, version, hash, verified: true, timestamp };
  }

  private receive(name: string, data: unknown, trace: string | undefined): void {
    if (typeof data !== "object" || data === null || (data as { sessionId?: unknown }).sessionId !== this.sessionId) return;
    this.listen();
    switch (name) {
      case "gameState:updated":
        this.follows(data as StateUpdateBroadcast, trace);
        break;
      case "gameState:resync":
        this.resync();
        break;
      case "heartbeat:ping":
        this.pong((data as { pingId?: unknown }).pingId);
        break;
      case "gameState:error": {
        const { error } = data as { error: ErrorBody };
        this.fault(error.details.reason ?? error.code, error.message);
        if (TAKEN_OUT.includes(error.details.reason ?? "")) this.joinAgain(error);
        break;
      }
      default:
    }
  }

  /** The gateway has taken this connection out of the session. Whether and when it may come back, the next join tells. */
  private joinAgain({ retryAfterMs }: ErrorBody): void {
    this.leaveRound();
    this.setState({ name: "joining" });
    this.retryLater(() => void this.join(this.round), retryAfterMs);
  }

  /** Says that the game master is there. Nobody waits for what becomes of it: the next ping comes by itself. */
  private pong(pingId: unknown): void {
    const { sessionId, queue } = this;
    const clientStatus = { isProcessingActions: queue.isUpdating, queuedActionsCount: queue.pending.length, isInterfaceActive: true };
    this.connection.request("heartbeat:pong", { sessionId, pingId, timestamp: this.options.now(), clientStatus }).catch(() => undefined);
  }

  private follows(broadcast: StateUpdateBroadcast, trace?: string): void {
    if (this.current.name !== "live") {
      if (this.early.length < EARLY_BROADCASTS) this.early.push(broadcast);
      return;
    }
    if (!this.isNew(broadcast)) return;
    const span = this.telemetry.applied(trace);
    const isApplied = this.apply(broadcast);
    endSpan(span, isApplied ? "success" : "resync", broadcast.newVersion);
    if (!isApplied) this.resync();
  }

  /** Versions are compared within one epoch only: another epoch is never old. */
  private isNew({ epoch, newVersion }: StateUpdateBroadcast): boolean {
    return this.at?.epoch !== epoch || compareVersions(newVersion, this.at.version) > 0;
  }

  /** Applies the next version. False if it is not the next, or does not lead to the state that it should. */
  private apply({ operations, newVersion, expectedHash, epoch, timestamp, status, gameMasterId, updateId }: StateUpdateBroadcast): boolean {
    if (this.held.game === undefined || this.at?.epoch !== epoch || !isValidNextVersion(this.at.version, newVersion)) return false;
    if (!this.advance(operations, { version: newVersion, expected: expectedHash, timestamp, updateId })) return false;
    this.noteStatus(status, gameMasterId);
    return true;
  }

  private advance(operations: readonly StateOperation[], step: Step): boolean {
    const resolved = this.held.under(() => this.step(operations, step));
    if (resolved === undefined) return false;
    this.emitter.emit("updated", { head: this.at!, operations: resolved, updateId: step.updateId });
    return true;
  }

  private step(operations: readonly StateOperation[], { version, expected, timestamp, updateId }: Step): StateOperation[] | undefined {
    const game = this.held.game!;
    try {
      const applied = game.apply(operations);
      const hash = game.hash();
      if (expected !== null && hash !== expected) {
        game.putBack(applied);
        this.fault("HASH_MISMATCH", `version ${version} does not lead to its hash`);
        // The state held is not what the server has: nothing can follow it.
        this.discard();
        return undefined;
      }
      this.at = { epoch: this.at!.epoch, version, hash, verified: expected !== null, timestamp };
      if (!this.queue.isOwn(updateId)) this.queue.foreign(applied.resolved, this.held.raw!);
      return applied.resolved;
    } catch (error) {
      if (!(error instanceof Rejection)) throw error;
      this.fault(error.reason, `version ${version} cannot be applied: ${error.message}`);
      this.discard();
      return undefined;
    }
  }

  /** Forgets what is held, so that the whole state is asked for. */
  private discard(): void {
    this.held.discard();
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

  private host(): ConstructorParameters<typeof UpdateQueue>[0] {
    return {
      base: () => {
        if (this.stopped) return notSent("STOPPED", "the replica was stopped");
        if (this.current.name === "refused") return { success: false, error: this.current.error };
        if (this.connection.state.name === "refused") return notSent("REFUSED", this.connection.state.message, "PERMISSION_DENIED");
        if (this.current.name !== "live" || this.at === undefined) return undefined;
        return { sessionId: this.sessionId, version: this.at.version, epoch: this.at.epoch };
      },
      limits: () => this.limits,
      look: (reader) => this.held.look(reader),
      deliver: (update, trace) => deliver(this.connection, update, { ...this.options, trace }),
      accept: (update, answer) => {
        this.accept(update, answer);
      },
      behind: () => {
        this.resync();
      },
      paint: (owner, operations) => {
        if (this.held.set(owner, operations)) this.emitter.emit("painted", { operations });
      },
      unpaint: (owner) => {
        if (this.held.set(owner, undefined)) this.emitter.emit("painted", { operations: [] });
      },
      changed: () => {
        this.emitter.emit("queue", this.queue.pending);
      },
      newId: () => this.options.newId(),
      now: () => this.options.now(),
    };
  }

  /** The sender applies from the answer: its broadcast goes to the others. If catching up was faster, there is nothing to do. */
  private accept({ id, operations, version }: StateUpdate, { newVersion, newHash, epoch, timestamp }: UpdateAccepted): void {
    if (!isVersion(newVersion) || (this.at?.epoch === epoch && compareVersions(newVersion, this.at.version) <= 0)) return;
    const next = this.current.name === "live" && this.at?.epoch === epoch && this.at.version === version && isValidNextVersion(version, newVersion);
    if (!next || !this.advance(operations, { version: newVersion, expected: newHash ?? null, timestamp, updateId: id })) this.resync();
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
    this.queue.wake();
  }
}

/** One version on from the one held. */
interface Step {
  readonly version: string;
  readonly expected: string | null;
  readonly timestamp: number;
  readonly updateId: string;
}

/** 128 random bits, as the server's own ids. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
