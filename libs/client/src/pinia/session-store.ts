import { defineStore } from "pinia";
import { computed, shallowRef } from "vue";

import type { PresentUser, SessionSummary } from "../core/types.ts";

/** What is known of the session itself: who, which campaign, which status. No entity of the game is in it. */
export const useGameSessionStore = defineStore("gameSession", () => {
  const session = shallowRef<SessionSummary | null>(null);
  /** Who was connected when this client joined. */
  const present = shallowRef<readonly PresentUser[]>([]);
  return {
    session,
    present,
    status: computed(() => session.value?.status ?? null),
    isActive: computed(() => session.value?.status === "active"),
    name: computed(() => session.value?.name ?? null),
    campaignId: computed(() => session.value?.campaignId ?? null),
    gameMasterId: computed(() => session.value?.gameMasterId ?? null),
    participants: computed(() => session.value?.participants ?? []),
  };
});

export type GameSessionStore = ReturnType<typeof useGameSessionStore>;
