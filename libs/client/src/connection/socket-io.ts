import type { ErrorBody } from "../core/types.ts";
import type { Channel, Transport, TransportListener } from "./transport.ts";

/** Of `socket.io-client`, what is used here. */
export interface SocketIoSocket {
  on(event: "connect", listener: () => void): unknown;
  on(event: "connect_error", listener: (error: Error) => void): unknown;
  on(event: "disconnect", listener: (reason: string, details?: unknown) => void): unknown;
  onAny(listener: (event: string, ...args: unknown[]) => void): unknown;
  emit(event: string, ...args: unknown[]): unknown;
  disconnect(): unknown;
}

export interface SocketIoOptions {
  readonly path?: string;
  readonly transports?: ("polling" | "websocket")[];
}

/** The function `io` of `socket.io-client`, which this package does not bring along. */
export type Io = (url: string, options: SocketIoOptions & { auth: Record<string, string>; reconnection: false; forceNew: true }) => SocketIoSocket;

interface Frame {
  readonly event: string;
  readonly id?: number;
  readonly data: unknown;
  readonly trace?: string;
}

/** The gateway asked to stay away: a disconnect packet is all that Socket.IO tells of the reason. */
const STAY_AWAY = 3500;
const LOST = 1006;

/** The gateway's Socket.IO, `/socket.io`: through networks that let no WebSocket pass it falls back to polling. `Connection` does the reconnecting. */
export function socketIoTransport(io: Io, url: string, options: SocketIoOptions = {}): Transport {
  return { open: (listener) => new SocketIoChannel(listener, (token) => io(url, { ...options, auth: { token }, reconnection: false, forceNew: true })) };
}

class SocketIoChannel implements Channel {
  private readonly listener: TransportListener;
  private readonly dial: (token: string) => SocketIoSocket;
  private socket: SocketIoSocket | undefined;
  private ended = false;

  constructor(listener: TransportListener, dial: (token: string) => SocketIoSocket) {
    this.listener = listener;
    this.dial = dial;
    // The token goes with the handshake: the channel is dialled when the connection sends it.
    queueMicrotask(() => {
      if (!this.ended) listener.opened();
    });
  }

  send(text: string): void {
    const { event, id, data, trace } = JSON.parse(text) as Frame;
    // What stands beside the payload in a frame is the event's second argument here.
    const sent = trace === undefined ? [data] : [data, { trace }];
    if (this.socket === undefined) this.connect(id, (data as { token: string }).token);
    else if (id === undefined) this.socket.emit(event, ...sent);
    else {
      this.socket.emit(event, ...sent, (answer: unknown) => {
        this.receive({ event: "ack", id, data: answer });
      });
    }
  }

  close(): void {
    this.socket?.disconnect();
    this.end(1000, "");
  }

  private connect(id: number | undefined, token: string): void {
    const socket = this.dial(token);
    this.socket = socket;
    const answer = (data: object): void => {
      this.receive({ event: "ack", ...(id === undefined ? {} : { id }), data });
    };
    socket.on("connect", () => {
      answer({ success: true });
    });
    socket.on("connect_error", (error) => {
      const refused = (error as Error & { data?: ErrorBody }).data;
      if (refused === undefined) this.end(LOST, error.message);
      else answer({ success: false, error: refused });
    });
    socket.on("disconnect", (reason, details) => {
      this.end(reason === "io server disconnect" ? STAY_AWAY : (closeCode(details) ?? LOST), reason);
    });
    socket.onAny((event, data, beside) => {
      const { trace } = (beside ?? {}) as { trace?: string };
      this.receive({ event, data, ...(trace === undefined ? {} : { trace }) });
    });
  }

  private receive(frame: Frame): void {
    if (!this.ended) this.listener.received(JSON.stringify(frame));
  }

  private end(code: number, reason: string): void {
    if (this.ended) return;
    this.ended = true;
    this.listener.closed(code, reason);
  }
}

/** Of the WebSocket's close frame, if there was one. */
function closeCode(details: unknown): number | undefined {
  const { context } = (details ?? {}) as { context?: { code?: unknown } };
  return typeof context?.code === "number" ? context.code : undefined;
}
