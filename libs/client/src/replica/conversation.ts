import { NoAnswer, type Connection } from "../connection/connection.ts";
import type { Ack } from "../core/types.ts";
import { retryMs } from "./deliver.ts";

/**
 * What is asked about one session on one connection after another. Each connection is a round: what is asked in one
 * is answered in it or not at all, and its timers end with it.
 */
export class Conversation {
  private readonly connection: Connection;
  private readonly random: () => number;
  private readonly silenceMs: number;
  private readonly silent: () => void;
  private current = 0;
  private retries = 0;
  private running: { again: boolean } | undefined;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private silenceTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(connection: Connection, random: () => number, silenceMs: number, silent: () => void) {
    this.connection = connection;
    this.random = random;
    this.silenceMs = silenceMs;
    this.silent = silent;
  }

  /** An answer to a request of an older round is not looked at. */
  get round(): number {
    return this.current;
  }

  /** Begins another round. */
  leave(): void {
    this.current++;
    this.calm();
    this.running = undefined;
    clearTimeout(this.retryTimer);
    clearTimeout(this.silenceTimer);
  }

  /** All is well: the next trouble is met without the delays of the last. */
  calm(): void {
    this.retries = 0;
  }

  /** The answer, or undefined if the connection it was asked on is gone. */
  async ask<T extends object>(event: string, data: object): Promise<Ack<T> | undefined> {
    const { round } = this;
    try {
      const answer = await this.connection.request<T>(event, data);
      if (round !== this.round) return undefined;
      this.heard();
      return answer;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      // A connection that does not answer is as good as none.
      if (round === this.round && error.why === "deadline") this.connection.reconnect();
      return undefined;
    }
  }

  /** Does what is done by one at a time. Called for meanwhile, it is done once more after: what is under way may not know why. */
  async once(work: () => Promise<void>): Promise<void> {
    if (this.running !== undefined) {
      this.running.again = true;
      return;
    }
    const mine: { again: boolean } = { again: false };
    this.running = mine;
    await work();
    // In another round it is begun anew.
    if (this.running !== mine) return;
    this.running = undefined;
    if (mine.again) this.later(() => void this.once(work));
  }

  /** Tries again, each time later, in this round alone. */
  later(again: () => void, atLeastMs = 0): void {
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(again, Math.max(atLeastMs, retryMs(this.retries, this.random)));
    this.retries++;
  }

  /** Something was heard of the session. If nothing more is for long, it is told: a dead connection shows no sign of itself. */
  heard(): void {
    clearTimeout(this.silenceTimer);
    this.silenceTimer = setTimeout(this.silent, this.silenceMs);
  }
}
