import type { Ack, UpdateAccepted } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { defineStore } from "pinia";
import { ref } from "vue";

/** What one movement of the hand made of versions: a token that is dragged makes one for each square it is drawn over, and is put back at once. */
export const useGestureStore = defineStore("gesture", () => {
  const game = useGameStateStore();
  const before = ref(0);
  const made = ref(new Set<number>());

  function begin(): void {
    before.value = Number(game.gameStateVersion ?? 0);
    made.value = new Set();
  }

  function note(answer: Ack<UpdateAccepted>): void {
    if (answer.success) made.value.add(Number(answer.newVersion));
  }

  /** The version to go back to from this one: before the last gesture, if nothing else came of it or after it. */
  function undoTo(head: number): number {
    for (let version = head; made.value.has(version); version--) if (version === before.value + 1) return before.value;
    return head - 1;
  }

  return { begin, note, undoTo };
});
