import type { Channel, Transport, TransportListener } from "../connection/transport.ts";
import { DEFAULT_LIMITS } from "../core/limits.ts";
import type { GmConnection, StateOperation, StateUpdate, StateUpdateBroadcast } from "../core/types.ts";
import type { Chat, ChatMessage } from "../generated/protocol.ts";
import { FakeSession, refusal, type FakeSessionOptions } from "./fake-session.ts";
import { NO_FAULTS, type Faults } from "./faults.ts";
import { seededRandom } from "./random.ts";

export interface FakeGatewayOptions extends FakeSessionOptions {
  /** The user that a token names, or undefined. Without it, a token is the user's id. */
  readonly authenticate?: (token: string) => string | undefined;
  readonly faults?: Partial<Faults>;
  /** Decides about faults; a seed repeats them. */
  readonly seed?: number;
}

interface Frame {
  readonly event: string;
  readonly id?: number;
  readonly data: unknown;
  readonly trace?: string;
}

/**
 * A gateway in memory, with one session behind it, that speaks the protocol and makes faults as it is told.
 *
 * Give `gateway.transport` to a `Connection`. Everything that it says comes later, never within a call; with fake timers it stands still.
 */
export class FakeGateway {
  readonly session: FakeSession;
  readonly transport: Transport = { open: (listener) => this.open(listener) };
  /** What goes wrong from now on. */
  faults: Faults;
  /** Whether a channel can be opened. */
  reachable = true;
  /** What joins are told of the game master's connection. */
  gmConnection: GmConnection = { connected: true };
  private readonly channels = new Set<FakeChannel>();
  private said = 0;
  private readonly authenticate: (token: string) => string | undefined;
  private readonly random: () => number;

  constructor({ authenticate = (token) => token || undefined, faults, seed = 1, ...session }: FakeGatewayOptions = {}) {
    this.session = new FakeSession(session);
    this.authenticate = authenticate;
    this.faults = { ...NO_FAULTS, ...faults };
    this.random = seededRandom(seed);
  }

  /** Users with a connection that joined. */
  get present(): string[] {
    return [...this.channels].filter(({ joined }) => joined).map(({ userId }) => userId!);
  }

  /** Somebody else's update: committed, and told to all. */
  change(operations: readonly StateOperation[], fields: Partial<StateUpdateBroadcast> = {}): StateUpdateBroadcast {
    const broadcast = this.session.commit(operations, fields);
    this.broadcast(broadcast);
    return broadcast;
  }

  /** Says something to everyone who joined. */
  say(event: string, data: object): void {
    for (const channel of this.channels) if (channel.joined) this.send(channel, { event, data: { sessionId: this.session.id, ...data } });
  }

  /** Ends all connections, as when the network is gone; or with a close code of the gateway. */
  disconnect(code = 1006, reason = ""): void {
    for (const channel of [...this.channels]) channel.end(code, reason);
  }

  private open(listener: TransportListener): Channel {
    const channel = new FakeChannel(
      listener,
      (text) => {
        this.receive(channel, JSON.parse(text) as Frame);
      },
      () => this.channels.delete(channel),
    );
    setTimeout(() => {
      if (!this.reachable) channel.end(1006, "");
      else if (channel.isOpen) {
        this.channels.add(channel);
        listener.opened();
      }
    });
    return channel;
  }

  private receive(channel: FakeChannel, frame: Frame): void {
    const { event, data } = frame;
    if (event === "auth") {
      channel.userId = this.authenticate(String((data as { token?: unknown }).token));
      this.answer(channel, frame, channel.userId === undefined ? refusal("PERMISSION_DENIED", "the token is not good") : { success: true });
    } else if (event === "auth:refresh") {
      const userId = this.authenticate(String((data as { token?: unknown }).token));
      const isSame = userId !== undefined && userId === channel.userId;
      this.answer(channel, frame, isSame ? { success: true } : refusal("PERMISSION_DENIED", "the token is not good, or another user's"));
    } else if (channel.userId === undefined) channel.end(3500, "not authorized");
    else if (event === "gameState:update") this.update(channel, channel.userId, frame);
    else this.answer(channel, frame, this.read(channel, channel.userId, event, data));
  }

  private read(channel: FakeChannel, userId: string, event: string, data: unknown): object {
    const held = (typeof data === "string" ? { sessionId: data } : data) as { sessionId?: string; version?: string; hash?: string };
    if (held.sessionId !== this.session.id) return refusal("SESSION_NOT_FOUND", "there is no such session");
    if (!this.session.mayRead(userId)) return refusal("PERMISSION_DENIED", "not a participant");
    switch (event) {
      case "gameSession:join":
        channel.joined = true;
        return { success: true, session: this.session.summary(), gmConnection: this.gmConnection, limits: { ...DEFAULT_LIMITS, frameBytes: 256 * 1024 } };
      case "gameSession:leave":
        channel.joined = false;
        return { success: true };
      case "gameState:requestFull":
        return this.session.state(held);
      case "chat":
        return this.relay(userId, data as Chat);
      default:
        return refusal("VALIDATION_ERROR", `this gateway does not know ${event}`, "UNKNOWN_EVENT");
    }
  }

  /** Chat goes to whom it is for, and to the sender. */
  private relay(userId: string, { sessionId, message, recipient }: Chat): object {
    const said = { id: `message-${++this.said}`, timestamp: Date.now() };
    const only = recipient.type === "user" ? recipient.id : recipient.type === "gm" ? this.session.gameMasterId : undefined;
    const data: ChatMessage = { ...said, sessionId, message, recipient, sender: { type: "user", id: userId, name: userId } };
    for (const channel of this.channels) {
      if (channel.joined && (only === undefined || channel.userId === only || channel.userId === userId)) this.send(channel, { event: "chat", data });
    }
    return { success: true, ...said };
  }

  private update(channel: FakeChannel, userId: string, frame: Frame): void {
    const breaks = this.happens("disconnect");
    if (breaks && this.random() < 0.5) {
      channel.end(1006, "");
      return;
    }
    if (this.happens("conflict")) this.change([{ path: "pluginData.elsewhere", operation: "inc", value: 1 }], { source: "system" });
    const { answer, broadcast } = this.session.decide(frame.data as StateUpdate, userId);
    if (broadcast !== undefined) this.broadcast(broadcast, channel, frame.trace);
    if (breaks) channel.end(1006, "");
    else if (!this.happens("loseAnswer")) this.answer(channel, frame, answer);
  }

  private broadcast(data: StateUpdateBroadcast, except?: FakeChannel, trace?: string): void {
    for (const channel of this.channels) {
      if (channel === except || !channel.joined || this.happens("drop")) continue;
      const frame = { event: "gameState:updated", data, ...(trace === undefined ? {} : { trace }) };
      this.send(channel, frame, this.happens("reorder"));
      if (this.happens("duplicate")) this.send(channel, frame, this.happens("reorder"));
    }
  }

  private answer(channel: FakeChannel, { id }: Frame, data: object): void {
    if (id !== undefined) this.send(channel, { event: "ack", id, data });
  }

  private send(channel: FakeChannel, frame: Frame, outOfOrder = false): void {
    const [from, to] = this.faults.delayMs;
    channel.deliver(JSON.stringify(frame), from + this.random() * (to - from) + (outOfOrder ? this.random() * 50 : 0), outOfOrder);
  }

  private happens(fault: Exclude<keyof Faults, "delayMs">): boolean {
    const probability = this.faults[fault];
    return probability > 0 && this.random() < probability;
  }
}

class FakeChannel implements Channel {
  userId: string | undefined;
  joined = false;
  isOpen = true;
  private readonly listener: TransportListener;
  private readonly receive: (text: string) => void;
  private readonly left: () => void;
  /** Nothing that keeps its order comes before this. */
  private notBefore = 0;

  constructor(listener: TransportListener, receive: (text: string) => void, left: () => void) {
    this.listener = listener;
    this.receive = receive;
    this.left = left;
  }

  send(text: string): void {
    setTimeout(() => {
      if (this.isOpen) this.receive(text);
    });
  }

  close(): void {
    this.end(1000, "");
  }

  deliver(text: string, delayMs: number, outOfOrder: boolean): void {
    const now = Date.now();
    const at = outOfOrder ? now + delayMs : Math.max(this.notBefore, now + delayMs);
    if (!outOfOrder) this.notBefore = at;
    setTimeout(() => {
      if (this.isOpen) this.listener.received(text);
    }, at - now);
  }

  end(code: number, reason: string): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.left();
    setTimeout(() => {
      this.listener.closed(code, reason);
    });
  }
}
