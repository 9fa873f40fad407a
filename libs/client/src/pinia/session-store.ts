import { defineStore } from "pinia";
import { computed, shallowRef } from "vue";

import type { GmConnection, PresentUser, SessionSummary } from "../core/types.ts";

/** How it is with the game master, as the server says it: without a connection, or with one on which nobody answers. */
export type GameMasterStatus = "here" | "silent" | "gone";

/** What is known of the session itself: who, which campaign, which status. No entity of the game is in it. */
export const useGameSessionStore = defineStore("gameSession", () => {
  const session = shallowRef<SessionSummary | null>(null);
  /** Who was connected when this client joined. */
  const present = shallowRef<readonly PresentUser[]>([]);
  /** How it is with the game master's connection: from the join on, and after each change. */
  const gmConnection = shallowRef<GmConnection | null>(null);
  /** The same in a word; null while nobody knows. */
  const gameMaster = computed<GameMasterStatus | null>(() => {
    if (gmConnection.value === null) return null;
    if (!gmConnection.value.connected) return "gone";
    return gmConnection.value.silentSince === undefined ? "here" : "silent";
  });
  return {
    session,
    present,
    gmConnection,
    gameMaster,
    status: computed(() => session.value?.status ?? null),
    isActive: computed(() => session.value?.status === "active"),
    name: computed(() => session.value?.name ?? null),
    campaignId: computed(() => session.value?.campaignId ?? null),
    gameMasterId: computed(() => session.value?.gameMasterId ?? null),
    participants: computed(() => session.value?.participants ?? []),
  };
});

export type GameSessionStore = ReturnType<typeof useGameSessionStore>;
