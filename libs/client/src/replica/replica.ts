import type { Connection } from "../connection/connection.ts";
import { Emitter } from "../connection/emitter.ts";
import type {
  Ack,
  ErrorBody,
  GmConnection,
  ServerGameState,
  SessionSummary,
  StateAnswer,
  StateOperation,
  StateUpdate,
  StateUpdateBroadcast,
  UpdateAccepted,
} from "../core/types.ts";
import { compareVersions, isVersion } from "../core/version.ts";
import { notSent } from "../queue/refusal.ts";
import type { Intent, UpdateOptions } from "../queue/types.ts";
import { UpdateQueue } from "../queue/update-queue.ts";
import { About, type Joined } from "./about.ts";
import { Conversation } from "./conversation.ts";
import { deliver } from "./deliver.ts";
import { pong, type Ping } from "./pong.ts";
import { randomId } from "./random-id.ts";
import { endSpan, Telemetry } from "./telemetry.ts";
import type { Head, KeptState, ReplicaEvents, ReplicaOptions, ReplicaState } from "./types.ts";
import { Verified, type Step } from "./verified.ts";

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
  private readonly fault = (reason: string, message: string): void => { this.emitter.emit("fault", { reason, message }); };
  private readonly early: StateUpdateBroadcast[] = [];
  private readonly detach: (() => void)[] = [];
  private current: ReplicaState = { name: "offline" };
  private readonly copy: Verified;
  private readonly talk: Conversation;
  private readonly telemetry: Telemetry;
  private readonly queue: UpdateQueue;
  private stopped = false;
  private readonly about = new About(this.emitter);

  constructor(options: ReplicaOptions) {
    this.options = { newId: randomId, now: Date.now, random: Math.random, silenceMs: 30_000, settleMs: 60_000, ...options };
    this.connection = options.connection;
    this.sessionId = options.sessionId;
    this.copy = new Verified(options.reactive, {
      fault: this.fault,
      followed: (operations, state, updateId) => {
        if (updateId === undefined || !this.queue.isOwn(updateId)) this.queue.foreign(operations, state);
      },
    });
    this.talk = new Conversation(this.connection, this.options.random, this.options.silenceMs, () => {
      if (this.current.name === "live") void this.catchUp();
    });
    this.telemetry = new Telemetry(options.openTelemetry, options.sessionId);
    this.queue = new UpdateQueue(this.host());
    if (options.kept === undefined) this.attend();
    else void this.begin(options.kept);
  }

  get state(): ReplicaState {
    return this.current;
  }

  /** What is held, with what is painted over it; changed in place by what comes. Undefined before the first answer, and while a state that went wrong is replaced. */
  get gameState(): ServerGameState | undefined {
    return this.copy.held.game?.root;
  }

  get head(): Head | undefined {
    return this.copy.at;
  }

  get session(): SessionSummary | undefined {
    return this.about.session;
  }

  /** How it is with the game master's connection, as far as the gateway knows. */
  get gmConnection(): GmConnection | undefined {
    return this.about.gmConnection;
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
    return this.copy.snapshot();
  }

  /**
   * Computes the hash of what is held from scratch, in a worker if it is large, and asks for the head.
   * For a page that comes back after it was hidden. Answers whether what was held had its hash.
   */
  async check(): Promise<boolean> {
    const { game } = this.copy.held;
    const isRight = await this.copy.check();
    if (game !== undefined && this.current.name === "live") {
      if (this.head === undefined) this.resync();
      else void this.catchUp();
    }
    return isRight;
  }

  /** Shows what an earlier visit kept, and asks only then: for what is missed since. */
  private async begin(kept: KeptState): Promise<void> {
    if (await this.copy.begin(kept, () => this.stopped)) this.emitter.emit("replaced", this.head!);
    if (!this.stopped) this.attend();
  }

  private attend(): void {
    this.detach.push(
      this.connection.on("state", () => {
        this.follow();
      }),
      this.connection.on("event", ({ name, data, trace }) => {
        this.receive(name, data, trace);
      }),
    );
    this.follow();
  }

  private follow(): void {
    this.leaveRound();
    if (this.connection.state.name === "open") void this.join();
    else this.setState({ name: "offline" });
  }

  private leaveRound(): void {
    this.talk.leave();
    this.early.length = 0;
  }

  private async join(): Promise<void> {
    this.setState({ name: "joining" });
    this.about.joining();
    const answer = await this.talk.ask<Joined>("gameSession:join", this.copy.position(this.sessionId));
    if (answer === undefined) return;
    if (!answer.success) {
      this.retryOrRefuse(answer.error, () => void this.join());
      return;
    }
    this.about.joined(answer);
    await this.catchUp();
  }

  /** Asks for what is missed since the version held, or for everything. */
  private readonly catchUp = (): Promise<void> => this.talk.once(() => this.askForMissing());

  private async askForMissing(): Promise<void> {
    this.setState({ name: "catching-up" });
    const { round } = this.talk;
    const answer = await this.talk.ask<StateAnswer>("gameState:requestFull", this.copy.position(this.sessionId));
    if (answer === undefined) return;
    if (!answer.success) {
      this.retryOrRefuse(answer.error, () => void this.catchUp());
      return;
    }
    const isGood = await this.take(answer, round);
    if (round !== this.talk.round) return;
    if (!isGood) {
      this.copy.discard();
      this.resync();
      return;
    }
    this.talk.calm();
    this.setState({ name: "live" });
    for (const broadcast of this.early.splice(0)) this.follows(broadcast);
  }

  /** Whether the answer left us with a state that is as good as its head says. */
  private async take(answer: StateAnswer, round: number): Promise<boolean> {
    this.about.turned(answer.status);
    if ("gameState" in answer) {
      const isHeld = await this.copy.replace(answer, () => round !== this.talk.round);
      if (isHeld === true) {
        this.emitter.emit("replaced", this.head!);
        await this.copy.held.warm();
      }
      return isHeld !== false;
    }
    if ("notModified" in answer) return this.head?.version === answer.gameStateVersion && this.head.epoch === answer.epoch;
    for (const broadcast of answer.updates) {
      if (!this.copy.has(broadcast.epoch, broadcast.newVersion) && !this.apply(broadcast)) return false;
    }
    return this.head?.epoch === answer.epoch && compareVersions(this.head.version, answer.gameStateVersion) >= 0;
  }

  private receive(name: string, data: unknown, trace: string | undefined): void {
    if (typeof data !== "object" || data === null || (data as { sessionId?: unknown }).sessionId !== this.sessionId) return;
    this.talk.heard();
    switch (name) {
      case "gameState:updated":
        this.follows(data as StateUpdateBroadcast, trace);
        break;
      case "gameState:resync":
        this.resync();
        break;
      case "heartbeat:ping":
        pong(this.connection, data as Ping, this.options.now(), this.queue);
        break;
      case "gameState:error": {
        const { error } = data as { error: ErrorBody };
        this.fault(error.details.reason ?? error.code, error.message);
        if (TAKEN_OUT.includes(error.details.reason ?? "")) this.joinAgain(error);
        break;
      }
      default:
        this.about.heard(name, data);
    }
  }

  /** The gateway has taken this connection out of the session. Whether and when it may come back, the next join tells. */
  private joinAgain({ retryAfterMs }: ErrorBody): void {
    this.leaveRound();
    this.setState({ name: "joining" });
    this.talk.later(() => void this.join(), retryAfterMs);
  }

  private follows(broadcast: StateUpdateBroadcast, trace?: string): void {
    if (this.current.name !== "live") {
      if (this.early.length < EARLY_BROADCASTS) this.early.push(broadcast);
      return;
    }
    if (this.copy.has(broadcast.epoch, broadcast.newVersion)) return;
    const span = this.telemetry.applied(trace);
    const isApplied = this.apply(broadcast);
    endSpan(span, isApplied ? "success" : "resync", broadcast.newVersion);
    if (!isApplied) this.resync();
  }

  /** Applies the next version. False if it is not the next, or does not lead to the state that it should. */
  private apply({ operations, newVersion, expectedHash, epoch, timestamp, status, gameMasterId, updateId }: StateUpdateBroadcast): boolean {
    if (!this.copy.isNext(epoch, newVersion)) return false;
    if (!this.advance(operations, { version: newVersion, expected: expectedHash, timestamp, updateId })) return false;
    this.about.turned(status, gameMasterId);
    return true;
  }

  private advance(operations: readonly StateOperation[], step: Step): boolean {
    const resolved = this.copy.advance(operations, step);
    if (resolved === undefined) return false;
    this.emitter.emit("updated", { head: this.head!, operations: resolved, updateId: step.updateId });
    return true;
  }

  /** One at a time: while one is under way, what comes is kept and looked at after it. */
  private resync(): void {
    if (this.current.name === "live" || this.current.name === "catching-up") {
      this.setState({ name: "catching-up" });
      // A little apart, so that what all replicas of a session missed is not asked for by all of them at once.
      this.talk.later(() => void this.catchUp());
    }
  }

  private host(): ConstructorParameters<typeof UpdateQueue>[0] {
    return {
      base: () => {
        if (this.stopped) return notSent("STOPPED", "the replica was stopped");
        if (this.current.name === "refused") return { success: false, error: this.current.error };
        if (this.connection.state.name === "refused") return notSent("REFUSED", this.connection.state.message, "PERMISSION_DENIED");
        if (this.current.name !== "live" || this.head === undefined) return undefined;
        return { sessionId: this.sessionId, version: this.head.version, epoch: this.head.epoch };
      },
      limits: () => this.about.limits,
      look: (reader) => this.copy.held.look(reader),
      deliver: (update, trace) => deliver(this.connection, update, { ...this.options, trace }),
      accept: (update, answer) => {
        this.accept(update, answer);
      },
      behind: () => {
        this.resync();
      },
      paint: (owner, operations) => {
        if (this.copy.held.set(owner, operations)) this.emitter.emit("painted", { operations });
      },
      unpaint: (owner) => {
        if (this.copy.held.set(owner, undefined)) this.emitter.emit("painted", { operations: [] });
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
    if (!isVersion(newVersion) || this.copy.has(epoch, newVersion)) return;
    const next = this.current.name === "live" && this.head?.version === version && this.copy.isNext(epoch, newVersion);
    if (!next || !this.advance(operations, { version: newVersion, expected: newHash ?? null, timestamp, updateId: id })) this.resync();
  }

  private retryOrRefuse(error: ErrorBody, again: () => void): void {
    if (error.retryable) this.talk.later(again, error.retryAfterMs);
    else this.setState({ name: "refused", error });
  }

  private setState(state: ReplicaState): void {
    this.current = state;
    this.emitter.emit("state", state);
    this.queue.wake();
  }
}
