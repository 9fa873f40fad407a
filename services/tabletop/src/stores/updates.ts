import type { ReplicaEvents, StateOperation } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { defineStore } from "pinia";
import { computed, shallowRef } from "vue";

import { clickTime } from "../session/click-time.ts";

/** One version as this screen took it. */
export interface TakenUpdate {
  readonly version: string;
  readonly hash: string;
  readonly verified: boolean;
  readonly operations: readonly StateOperation[];
  /** Server time of the commit. */
  readonly committedAt: number;
  /** When it was painted here. */
  readonly shownAt: number;
  /** From the game master's click to this screen. Undefined for updates of other clients. */
  readonly latencyMs: number | undefined;
}

const KEPT = 50;

/** The last versions that were taken, with how long each took to come here. */
export const useUpdatesStore = defineStore("updates", () => {
  const taken = shallowRef<readonly TakenUpdate[]>([]);
  const total = shallowRef(0);
  const unverified = shallowRef(0);
  const last = computed(() => taken.value[0]);

  let waiting: ReplicaEvents["updated"][] = [];

  /** Times are taken once what changed is painted, for all that one frame shows. */
  function follow(): () => void {
    return useGameStateStore().onUpdate((update) => {
      waiting.push(update);
      if (waiting.length === 1) afterPaint(show);
    });
  }

  function show(): void {
    const shownAt = Date.now();
    const fresh = waiting.map(({ head, operations, updateId }): TakenUpdate => {
      const clicked = clickTime(updateId);
      const { version, hash, verified, timestamp: committedAt } = head;
      return { version, hash, verified, operations, committedAt, shownAt, latencyMs: clicked === undefined ? undefined : shownAt - clicked };
    });
    waiting = [];
    total.value += fresh.length;
    unverified.value += fresh.filter(({ verified }) => !verified).length;
    taken.value = [...fresh.reverse(), ...taken.value].slice(0, KEPT);
  }

  return { taken, total, unverified, last, follow };
});

/** After the frame that shows what is changed now. A hidden page paints nothing: there, at once. */
function afterPaint(then: () => void): void {
  if (document.visibilityState === "hidden") setTimeout(then);
  else requestAnimationFrame(() => setTimeout(then));
}
