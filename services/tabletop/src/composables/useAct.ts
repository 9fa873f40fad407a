import type { Ack, Intent, StateOperation, UpdateOptions } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";

import { inWords } from "../domain/refusal.ts";
import { useNotificationsStore } from "../stores/notifications.ts";

export interface Act {
  /** Changes the game; a refusal is told in a toast. Answers whether it was done. */
  readonly change: (change: Intent | readonly StateOperation[], options?: UpdateOptions) => Promise<boolean>;
  /** Waits for an answer; a refusal is told in a toast. */
  readonly ask: (answer: Promise<Ack<object>>) => Promise<boolean>;
}

export function useAct(): Act {
  const game = useGameStateStore();
  const { tell } = useNotificationsStore();

  async function ask(answer: Promise<Ack<object>>): Promise<boolean> {
    const settled = await answer;
    if (settled.success) return true;
    const { title, text } = inWords(settled.error);
    tell("bad", title, text);
    return false;
  }

  return { ask, change: (change, options) => ask(game.updateGameState(change, options)) };
}
