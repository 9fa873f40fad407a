import type { Ack, ErrorBody, Refused } from "../core/types.ts";
import type { ClientEvents, ServerEvents } from "../generated/protocol.ts";
import { backoffMs } from "./backoff.ts";
import { Emitter } from "./emitter.ts";
import { Renewal } from "./renewal.ts";
import type { Channel, Transport } from "./transport.ts";

/** Where a connection stands. */
export type ConnectionState =
  /** Not started, or ended by {@link Connection.stop}. */
  | { readonly name: "stopped" }
  /** The channel is being opened, or the token is being checked. */
  | { readonly name: "connecting"; readonly attempt: number }
  | { readonly name: "open" }
  /** The next attempt comes after so long. */
  | { readonly name: "waiting"; readonly attempt: number; readonly delayMs: number }
  /** The gateway does not want us back as we are: another attempt would end the same way. */
  | { readonly name: "refused"; readonly code?: number; readonly message: string };

export interface ConnectionEvents {
  state: ConnectionState;
  /** Whatever the gateway sends beside answers. `trace` is the `traceparent` of what it came of. */
  event: { readonly name: string; readonly data: unknown; readonly trace?: string };
}

export interface ConnectionOptions {
  readonly transport: Transport;
  /** Asked before each attempt, so that an expired token is not sent again, and shortly before the token ends that a connection is open under. */
  readonly token: () => string | Promise<string>;
  /** For the answer to one request. Longer than the gateway's own deadline, so that its word comes first. */
  readonly answerMs?: number;
  /** For opening the channel and for the answer to the token. */
  readonly connectMs?: number;
  readonly backoffBaseMs?: number;
  readonly backoffCapMs?: number;
  readonly random?: () => number;
}

/** There was no answer: whether the request was carried out is not known. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
  readonly why: "lost" | "deadline";

  constructor(why: "lost" | "deadline") {
    super(why === "lost" ? "the connection was lost before the answer" : "no answer in time");
    this.why = why;
  }
}

interface Waiting {
  answer(data: unknown): void;
  fail(error: NoAnswer): void;
}

/** A connection that lived so long was a good one: the next attempt after it is the first again. */
const STABLE_MS = 10_000;

/** A connection to a gateway that comes back by itself: requests with answers, and events. */
export class Connection {
  private readonly options: Required<ConnectionOptions>;
  private readonly emitter = new Emitter<ConnectionEvents>();
  private readonly waiting = new Map<number, Waiting>();
  private readonly renewal = new Renewal({
    token: () => this.options.token(),
    send: (token) => this.request("auth:refresh", { token }),
  });
  private current: ConnectionState = { name: "stopped" };
  private channel: Channel | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private stable: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;
  private nextId = 1;
  /** Counts channels: what an older one still has to say is not heard. */
  private generation = 0;

  constructor(options: ConnectionOptions) {
    this.options = { answerMs: 12_000, connectMs: 10_000, backoffBaseMs: 500, backoffCapMs: 15_000, random: Math.random, ...options };
  }

  get state(): ConnectionState {
    return this.current;
  }

  on<Name extends keyof ConnectionEvents>(name: Name, listener: (payload: ConnectionEvents[Name]) => void): () => void {
    return this.emitter.on(name, listener);
  }

  /** Listens to one kind of event. Gives the function that ends it. */
  onEvent<Name extends keyof ServerEvents>(event: Name, listener: (data: ServerEvents[Name]) => void): () => void {
    return this.on("event", ({ name, data }) => {
      if (name === event) listener(data as ServerEvents[Name]);
    });
  }

  start(): void {
    if (this.current.name === "stopped" || this.current.name === "refused") this.connect();
  }

  stop(): void {
    this.abandon();
    this.attempt = 0;
    this.setState({ name: "stopped" });
  }

  /** Gives the present channel up and opens another one, without waiting. */
  reconnect(): void {
    if (this.current.name === "stopped" || this.current.name === "refused") return;
    this.abandon();
    this.connect();
  }

  /**
   * Asks for a token and hands it over on the open connection, which goes on under it. Answers whether the gateway took it.
   * Done by itself before a token ends that says when: needed only for one that does not, or after a change of rights.
   */
  renewToken(): Promise<boolean> {
    return this.renewal.renew();
  }

  /** Sends an event and waits for its answer. Fails with {@link NoAnswer} alone. `trace` is a `traceparent`. */
  request<Name extends keyof ClientEvents>(event: Name, data: ClientEvents[Name]["data"], trace?: string): Promise<ClientEvents[Name]["answer"]>;
  request<T extends object>(event: string, data: unknown, trace?: string): Promise<Ack<T>>;
  request<T extends object>(event: string, data: unknown, trace?: string): Promise<Ack<T>> {
    return this.current.name === "open" ? this.ask<T>(event, data, this.options.answerMs, trace) : Promise.reject(new NoAnswer("lost"));
  }

  private connect(): void {
    const generation = ++this.generation;
    const isCurrent = (): boolean => generation === this.generation;
    this.setState({ name: "connecting", attempt: this.attempt });
    this.timer = setTimeout(() => {
      this.lost();
    }, this.options.connectMs);
    const listener = {
      opened: () => {
        if (isCurrent()) void this.authenticate(isCurrent);
      },
      received: (text: string) => {
        if (isCurrent()) this.receive(text);
      },
      closed: (code: number, reason: string) => {
        if (isCurrent()) this.closed(code, reason);
      },
    };
    try {
      this.channel = this.options.transport.open(listener);
    } catch (error) {
      this.refuse({ message: error instanceof Error ? error.message : String(error) });
    }
  }

  private async authenticate(isCurrent: () => boolean): Promise<void> {
    try {
      const token = await this.options.token();
      if (!isCurrent()) return;
      const answer = await this.ask("auth", { token }, this.options.connectMs);
      if (!isCurrent()) return;
      if (answer.success) this.opened(token);
      else if (answer.error.retryable) this.lost(answer.error.retryAfterMs);
      else this.refuse({ message: answer.error.message });
    } catch {
      // No token, or no answer: the next attempt may have both.
      if (isCurrent()) this.lost();
    }
  }

  private opened(token: string): void {
    clearTimeout(this.timer);
    this.renewal.start(token);
    this.stable = setTimeout(() => (this.attempt = 0), STABLE_MS);
    this.setState({ name: "open" });
  }

  /** Codes 3000 to 3499, and all that do not come from the gateway, mean: connect again. */
  private closed(code: number, reason: string): void {
    if (code >= 3500 && code < 4000) this.refuse({ code, message: reason });
    else this.lost();
  }

  private lost(atLeastMs = 0): void {
    this.abandon();
    const { backoffBaseMs: baseMs, backoffCapMs: capMs, random } = this.options;
    const delayMs = Math.max(atLeastMs, backoffMs(this.attempt, { baseMs, capMs, random }));
    this.attempt++;
    this.timer = setTimeout(() => {
      this.connect();
    }, delayMs);
    this.setState({ name: "waiting", attempt: this.attempt, delayMs });
  }

  private refuse(why: { code?: number; message: string }): void {
    this.abandon();
    this.setState({ name: "refused", ...why });
  }

  private abandon(): void {
    this.generation++;
    clearTimeout(this.timer);
    clearTimeout(this.stable);
    this.renewal.stop();
    this.channel?.close();
    this.channel = undefined;
    const waiting = [...this.waiting.values()];
    this.waiting.clear();
    for (const request of waiting) request.fail(new NoAnswer("lost"));
  }

  private ask<T extends object>(event: string, data: unknown, deadlineMs: number, trace?: string): Promise<Ack<T>> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new NoAnswer("deadline"));
      }, deadlineMs);
      this.waiting.set(id, {
        answer: (answer) => {
          settle();
          resolve(readAck<T>(answer));
        },
        fail: (error) => {
          settle();
          reject(error);
        },
      });
      this.channel?.send(JSON.stringify({ event, id, data, ...(trace === undefined ? {} : { trace }) }));
    });
  }

  private receive(text: string): void {
    let frame: { event?: unknown; id?: unknown; data?: unknown; trace?: unknown };
    try {
      frame = JSON.parse(text) as typeof frame;
    } catch {
      // Not a gateway of ours, or a torn frame: nothing that follows could be trusted.
      this.lost();
      return;
    }
    if (frame.event === "ack") this.waiting.get(frame.id as number)?.answer(frame.data);
    else if (typeof frame.event === "string") {
      const { event: name, data, trace } = frame;
      this.emitter.emit("event", { name, data, ...(typeof trace === "string" ? { trace } : {}) });
    }
  }

  private setState(state: ConnectionState): void {
    this.current = state;
    this.emitter.emit("state", state);
  }
}

/** An answer is a success or has an error; anything else counts as a refusal that says so. */
function readAck<T extends object>(data: unknown): Ack<T> {
  const answer = data as { success?: unknown; error?: unknown } | null;
  if (answer?.success === true) return answer as Ack<T>;
  if (answer?.success === false && typeof answer.error === "object" && answer.error !== null) return answer as Refused;
  const error: ErrorBody = { code: "TRANSACTION_FAILED", message: "the answer is neither a success nor an error", retryable: false, details: {} };
  return { success: false, error };
}
