import type { Transport, TransportListener } from "../../src/index.ts";

interface Frame {
  event: string;
  id?: number;
  data: unknown;
}

/**
 * The gateway's side of a connection, word by word: for what a real one does not do on demand,
 * such as losing an answer, leaving a gap, or sending a wrong hash. The real one is met in tests/browser.
 */
export class ScriptedGateway implements Transport {
  readonly channels: ScriptedChannel[] = [];
  /** What becomes of an attempt to open a channel. */
  reachable = true;

  open(listener: TransportListener): ScriptedChannel {
    const channel = new ScriptedChannel(listener);
    this.channels.push(channel);
    queueMicrotask(() => {
      if (this.reachable) listener.opened();
      else channel.lose();
    });
    return channel;
  }

  get last(): ScriptedChannel {
    return this.channels.at(-1)!;
  }
}

export class ScriptedChannel {
  readonly frames: Frame[] = [];
  closedByClient = false;
  private readonly listener: TransportListener;

  constructor(listener: TransportListener) {
    this.listener = listener;
  }

  send(text: string): void {
    this.frames.push(JSON.parse(text) as Frame);
  }

  close(): void {
    this.closedByClient = true;
  }

  /** The frames with this event so far. */
  asked(event: string): Frame[] {
    return this.frames.filter((frame) => frame.event === event);
  }

  answer(frame: Frame, data: object): void {
    this.say("ack", data, frame.id);
  }

  say(event: string, data: unknown, id?: number): void {
    this.listener.received(JSON.stringify({ event, id, data }));
  }

  raw(text: string): void {
    this.listener.received(text);
  }

  lose(code = 1006, reason = ""): void {
    this.listener.closed(code, reason);
  }
}
