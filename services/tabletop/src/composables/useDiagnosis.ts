import { useGameSessionStore, useGameStateStore } from "@stateward/client/pinia";

import { useAuthStore } from "../stores/auth.ts";
import { useSocketStore } from "../stores/socket.ts";
import { useUpdatesStore } from "../stores/updates.ts";

/** Saves what is needed to find out what went wrong on this screen: no token, and of the game only which places were changed. */
export function useDiagnosis(): () => void {
  const game = useGameStateStore();
  const session = useGameSessionStore();
  const socket = useSocketStore();
  const updates = useUpdatesStore();
  const auth = useAuthStore();

  return () => {
    const diagnosis = {
      madeAt: new Date().toISOString(),
      page: { address: location.origin + location.pathname, agent: navigator.userAgent, language: navigator.language, online: navigator.onLine },
      user: { id: auth.userId, isGameMaster: game.isGM },
      session: { id: game.sessionId, status: session.status, epoch: session.session?.epoch },
      head: { version: game.gameStateVersion, hash: game.gameStateHash, verified: game.isVerified },
      sync: { state: socket.sync, error: game.error, waiting: game.updateQueue.length, connection: socket.history },
      taken: { total: updates.total, unverified: updates.unverified },
      lastUpdates: updates.taken.map(({ operations, ...update }) => ({ ...update, operations: operations.map(({ operation, path }) => ({ operation, path })) })),
    };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(diagnosis, null, 2)], { type: "application/json" }));
    link.download = `stateward-${game.sessionId ?? "page"}-v${game.gameStateVersion ?? "0"}.json`;
    link.click();
    setTimeout(() => {
      URL.revokeObjectURL(link.href);
    });
  };
}
