import { checkOperations, type CheckedOperation } from "../core/operation.ts";
import type { Limits } from "../core/limits.ts";
import type { Ack, ErrorBody, Refused, ServerGameState, StateOperation, StateUpdate, UpdateAccepted } from "../core/types.ts";
import { utf8Length } from "../core/value.ts";
import { traceparent, type Span } from "../replica/telemetry.ts";
import { invalid, notSent } from "./refusal.ts";
import { touch, worse, type Touch } from "./touch.ts";
import type { Intent, UpdateOptions } from "./types.ts";

/** Calls that wait. One more is refused: whoever makes them faster than they are answered should coalesce them. */
const WAITING = 4096;
/** An intent that meets a conflict so often has somebody against it who will not stop. */
const ATTEMPTS = 10;
/** Of a frame, around its update. */
const FRAME_AROUND = 128;

/** What the queue needs of the replica. */
export interface QueueHost {
  /** Where an update would be made now, or why none can be. Undefined: wait for {@link UpdateQueue.wake}. */
  base(): { readonly sessionId: string; readonly version: string; readonly epoch: string } | Refused | undefined;
  limits(): Limits & { readonly frameBytes?: number };
  /** The state as the server has it, without what is painted over it. */
  look<T>(reader: (state: ServerGameState | undefined) => T): T;
  deliver(update: StateUpdate, trace: string | undefined): Promise<Ack<UpdateAccepted>>;
  accept(update: StateUpdate, answer: UpdateAccepted): void;
  /** The version held is not the newest. */
  behind(): void;
  paint(owner: object, operations: readonly StateOperation[]): void;
  unpaint(owner: object): void;
  changed(): void;
  newId(): string;
  now(): number;
}

class Entry {
  /** Allotted for each version it is sent for: the server binds an id to its version. */
  id: string;
  operations: readonly StateOperation[] | undefined;
  intent: Intent | undefined;
  checked: readonly CheckedOperation[] = [];
  touched: Touch = "none";
  readonly timestamp: number;
  readonly options: UpdateOptions;
  readonly span: Span | undefined;
  readonly settlers: ((answer: Ack<UpdateAccepted>) => void)[] = [];

  constructor(id: string, timestamp: number, options: UpdateOptions, span: Span | undefined) {
    this.id = id;
    this.timestamp = timestamp;
    this.options = options;
    this.span = span;
  }

  settle(answer: Ack<UpdateAccepted>): void {
    for (const settle of this.settlers) settle(answer);
  }
}

/** The game master's updates: strictly one after another, each made for the version that the one before led to, each with its own answer. */
export class UpdateQueue {
  private readonly host: QueueHost;
  private readonly waiting: Entry[] = [];
  private sending: Entry | undefined;
  private running = false;
  private woken: (() => void) | undefined;

  constructor(host: QueueHost) {
    this.host = host;
  }

  /** What is sent and what waits, in order. Versions are those held now: each is stamped when it is sent. */
  get pending(): StateUpdate[] {
    const base = this.host.base();
    const at = base !== undefined && "version" in base ? base : undefined;
    return [...(this.sending === undefined ? [] : [this.sending]), ...this.waiting].map((entry) => ({
      id: entry.id,
      sessionId: at?.sessionId ?? "",
      version: at?.version ?? "0",
      operations: [...(entry.operations ?? [])],
      timestamp: entry.timestamp,
      source: "gm",
    }));
  }

  get isUpdating(): boolean {
    return this.sending !== undefined;
  }

  add(change: Intent | readonly StateOperation[], options: UpdateOptions = {}, span?: Span): Promise<Ack<UpdateAccepted>> {
    if (this.waiting.length >= WAITING) return Promise.resolve(notSent("QUEUE_FULL", `${WAITING} updates wait already`));
    const entry = new Entry(this.host.newId(), this.host.now(), options, span);
    try {
      this.fill(entry, change);
    } catch (error) {
      return Promise.resolve(invalid(error));
    }
    return new Promise((resolve) => {
      entry.settlers.push(resolve);
      if (!this.join(entry)) this.waiting.push(entry);
      this.host.changed();
      void this.run();
    });
  }

  /** Something changed that {@link QueueHost.base} speaks of. */
  wake(): void {
    this.woken?.();
    this.woken = undefined;
  }

  isOwn(updateId: string): boolean {
    return this.sending?.id === updateId;
  }

  /** Somebody else changed the state: operations that wait may address something else now. */
  foreign(operations: readonly StateOperation[], state: ServerGameState): void {
    for (const entry of this.sending === undefined ? this.waiting : [this.sending, ...this.waiting]) {
      if (entry.intent !== undefined) continue;
      for (const theirs of operations) for (const mine of entry.checked) entry.touched = worse(entry.touched, touch(theirs, mine, state));
    }
  }

  private fill(entry: Entry, change: Intent | readonly StateOperation[]): void {
    if (typeof change !== "function") {
      entry.checked = checkOperations(change, this.host.limits());
      // A copy: the caller's objects may change before their turn comes.
      entry.operations = structuredCloneOf(change);
    } else entry.intent = change;
    if (entry.options.optimistic === true) {
      const operations = entry.operations ?? this.host.look((state) => (state === undefined ? undefined : entry.intent!(state)));
      if (operations !== undefined) this.host.paint(entry, operations);
    }
  }

  /** Lets an entry take the turn of the last one that waits, if both set the same places. */
  private join(entry: Entry): boolean {
    const last = this.waiting.at(-1);
    if (last?.options.coalesce !== true || entry.options.coalesce !== true || !setsSame(last, entry)) return false;
    this.host.unpaint(last);
    entry.settlers.unshift(...last.settlers);
    this.waiting[this.waiting.length - 1] = entry;
    return true;
  }

  private async run(): Promise<void> {
    if (this.running) return;
    this.running = true;
    try {
      // Calls of one moment may still coalesce.
      await Promise.resolve();
      for (;;) {
        const entry = this.waiting[0];
        if (entry === undefined) return;
        const base = await this.base();
        // While it waited, another may have taken its turn.
        if (this.waiting[0] === entry) await this.serve(entry, base);
      }
    } finally {
      this.running = false;
    }
  }

  private async serve(entry: Entry, base: Base | Refused): Promise<void> {
    this.waiting.shift();
    this.sending = entry;
    this.host.changed();
    let answer: Ack<UpdateAccepted>;
    try {
      answer = "success" in base ? base : await this.send(entry, base);
    } catch (error) {
      answer = notSent("INTENT_FAILED", error instanceof Error ? error.message : String(error), "VALIDATION_ERROR");
    }
    this.host.unpaint(entry);
    this.sending = undefined;
    entry.settle(answer);
    this.host.changed();
  }

  private async send(entry: Entry, first: Base): Promise<Ack<UpdateAccepted>> {
    let base: Base | Refused = first;
    for (let attempt = 1; ; attempt++) {
      if ("success" in base) return base;
      const update = this.make(entry, base, attempt);
      if ("success" in update) return update;
      entry.span?.setAttribute("game.update.id", update.id);
      const answer = await this.host.deliver(update, traceparent(entry.span));
      if (answer.success) {
        this.host.unpaint(entry);
        this.host.accept(update, answer);
        return answer;
      }
      if (answer.error.code !== "VERSION_CONFLICT") return answer;
      this.host.behind();
      if (!mayGoAgain(entry, answer.error) || attempt >= ATTEMPTS) return answer;
      base = await this.base();
      // Only now is it known what the others did.
      if (entry.touched !== "none") return answer;
      entry.id = this.host.newId();
    }
  }

  private make(entry: Entry, { sessionId, version, epoch }: Base, attempt: number): StateUpdate | Refused {
    if (entry.touched === "place" && attempt === 1) {
      return notSent("ADDRESSED_CHANGED", "what the indexes of the operations led to is something else now", "VERSION_CONFLICT");
    }
    // What happened before the call was sent is part of what it was sent for.
    if (attempt === 1) entry.touched = "none";
    try {
      const operations = entry.intent === undefined ? entry.operations! : this.host.look((state) => entry.intent!(state!));
      const limits = this.host.limits();
      if (entry.intent !== undefined) entry.checked = checkOperations(operations, limits);
      entry.operations = operations;
      const { id } = entry;
      const update: StateUpdate = { id, sessionId, version, operations: [...operations], timestamp: this.host.now(), source: "gm", epoch };
      return tooLarge(update, limits.frameBytes) ?? update;
    } catch (error) {
      return invalid(error);
    }
  }

  private async base(): Promise<Base | Refused> {
    for (;;) {
      const base = this.host.base();
      if (base !== undefined) return base;
      await new Promise<void>((resolve) => (this.woken = resolve));
    }
  }
}

type Base = Exclude<NonNullable<ReturnType<QueueHost["base"]>>, Refused>;

function structuredCloneOf(operations: readonly StateOperation[]): StateOperation[] {
  return JSON.parse(JSON.stringify(operations)) as StateOperation[];
}

function mayGoAgain({ options }: Entry, { outcome }: ErrorBody): boolean {
  return outcome !== "unknown" && options.onConflict !== "fail";
}

function setsSame(a: Entry, b: Entry): boolean {
  const places = ({ operations }: Entry): string | undefined =>
    operations?.every(({ operation }) => operation === "set") === true ? JSON.stringify(operations.map(({ path }) => path)) : undefined;
  const place = places(a);
  return place !== undefined && place === places(b);
}

function tooLarge(update: StateUpdate, frameBytes = Infinity): Refused | undefined {
  const actual = utf8Length(JSON.stringify(update)) + FRAME_AROUND;
  if (actual <= frameBytes) return undefined;
  const error: ErrorBody = {
    code: "VALIDATION_ERROR",
    message: `the update has ${actual} bytes as a frame: at most ${frameBytes} are allowed`,
    retryable: false,
    outcome: "not_applied",
    details: { reason: "FRAME_TOO_LARGE", limit: frameBytes, actual },
  };
  return { success: false, error };
}
