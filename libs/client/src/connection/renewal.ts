import type { Ack } from "../core/types.ts";

/** Before a token ends, another one is asked for. */
const AHEAD_MS = 30_000;
/** A token that ends sooner than that, or whose renewal failed, is not asked for faster than so. */
const LEAST_MS = 5_000;
/** Timers hold no more than 31 bits. */
const MOST_MS = 24 * 3600_000;

export interface RenewalHost {
  token(): string | Promise<string>;
  /** Gives the gateway a token on the open connection. */
  send(token: string): Promise<Ack<{ expiresAt?: number }>>;
}

/**
 * Keeps an open connection's token fresh, so that it need not come back with another one.
 *
 * When a token ends is read from it, if it says so: the gateway is the judge of it, this is only for asking in time.
 */
export class Renewal {
  private readonly host: RenewalHost;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Counts connections: what an earlier one still awaits changes nothing. */
  private round = 0;

  constructor(host: RenewalHost) {
    this.host = host;
  }

  /** The connection is open under this token. */
  start(token: string): void {
    this.stop();
    this.schedule(endOf(token));
  }

  stop(): void {
    this.round++;
    clearTimeout(this.timer);
  }

  /** Asks for a token and hands it over now. Answers whether the gateway took it. */
  async renew(): Promise<boolean> {
    clearTimeout(this.timer);
    const { round } = this;
    let end: number | undefined;
    let taken = false;
    let mayTryAgain = true;
    try {
      const token = await this.host.token();
      if (round !== this.round) return false;
      const answer = await this.host.send(token);
      taken = answer.success;
      if (answer.success) end = answer.expiresAt ?? endOf(token);
      // A gateway that does not take tokens so will end the connection, which comes back with a fresh one.
      else mayTryAgain = answer.error.retryable;
    } catch {
      // No token, or no answer: the old one may still be good for a while.
    }
    if (round === this.round && (taken || mayTryAgain)) this.schedule(taken ? end : Date.now());
    return taken;
  }

  private schedule(end: number | undefined): void {
    if (end === undefined) return;
    const delayMs = end - AHEAD_MS - Date.now();
    this.timer = setTimeout(
      () => {
        if (delayMs > MOST_MS) this.schedule(end);
        else void this.renew();
      },
      Math.min(MOST_MS, Math.max(LEAST_MS, delayMs)),
    );
  }
}

/** When a JSON Web Token ends, in milliseconds since the epoch. Any other token keeps it to itself. */
function endOf(token: string): number | undefined {
  try {
    const claims = JSON.parse(atob(token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/"))) as { exp?: unknown };
    return typeof claims.exp === "number" ? claims.exp * 1000 : undefined;
  } catch {
    return undefined;
  }
}
