export interface BackoffOptions {
  /** The first attempt comes within so long. */
  readonly baseMs: number;
  /** No attempt is put off for longer. */
  readonly capMs: number;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** Full jitter: after a gateway restarts, its clients come back spread over the whole time, not all at once. */
export function backoffMs(attempt: number, { baseMs, capMs, random }: BackoffOptions): number {
  return random() * Math.min(capMs, baseMs * 2 ** Math.min(attempt, 30));
}
