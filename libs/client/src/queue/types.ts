import type { ServerGameState, StateOperation } from "../core/types.ts";

/** What is to be done, as a function of the state: asked again whenever the state it was made for turns out to be an old one. */
export type Intent = (state: ServerGameState) => readonly StateOperation[];

export interface UpdateOptions {
  /**
   * Rapid changes of the same places, such as those of a dragged token: a call that sets the same paths as the last one that
   * still waits takes its turn, and both are answered by what comes of the later.
   */
  readonly coalesce?: boolean;
  /** Shows the change at once, and takes it back if the server refuses it. */
  readonly optimistic?: boolean;
  /**
   * After a conflict, `rerun` asks an intent again on the new state, and sends operations again if nobody changed what they address.
   * `fail` answers the conflict.
   */
  readonly onConflict?: "rerun" | "fail";
}
