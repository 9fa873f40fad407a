/** What goes wrong between a client and the gateway. Each number is a probability from 0 to 1. */
export interface Faults {
  /** A broadcast is lost. */
  readonly drop: number;
  /** A broadcast comes twice. */
  readonly duplicate: number;
  /** A broadcast is overtaken by what is sent after it, or overtakes what was sent before. */
  readonly reorder: number;
  /** Whatever the gateway says takes so long, from and to, in milliseconds. */
  readonly delayMs: readonly [from: number, to: number];
  /** Before an update is looked at, somebody else's is committed. */
  readonly conflict: number;
  /** The connection breaks when an update comes: as often before as after it is committed. */
  readonly disconnect: number;
  /** The answer to an update is lost, though the connection stays. */
  readonly loseAnswer: number;
}

export const NO_FAULTS: Faults = { drop: 0, duplicate: 0, reorder: 0, delayMs: [0, 0], conflict: 0, disconnect: 0, loseAnswer: 0 };
