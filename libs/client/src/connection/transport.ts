/** A way to exchange text frames with a gateway. */
export interface Transport {
  /** Opens a channel; what happens on it is told to `listener`, `closed` last and once. */
  open(listener: TransportListener): Channel;
}

export interface Channel {
  send(text: string): void;
  /** Ends the channel. `listener.closed` follows. */
  close(): void;
}

export interface TransportListener {
  opened(): void;
  received(text: string): void;
  closed(code: number, reason: string): void;
}

/** The gateway's plain WebSocket, `/ws`. In browsers and in Node from version 22; elsewhere give a `WebSocket` class. */
export function webSocketTransport(url: string | URL, implementation: typeof WebSocket = WebSocket): Transport {
  return {
    open(listener) {
      const socket = new implementation(url);
      socket.addEventListener("open", () => {
        listener.opened();
      });
      socket.addEventListener("message", ({ data }) => {
        listener.received(String(data));
      });
      socket.addEventListener("close", ({ code, reason }) => {
        listener.closed(code, reason);
      });
      return {
        send: (text) => {
          socket.send(text);
        },
        close: () => {
          socket.close(1000);
        },
      };
    },
  };
}
