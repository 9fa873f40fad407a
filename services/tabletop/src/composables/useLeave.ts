import { useGameStateStore } from "@stateward/client/pinia";

import { useAuthStore } from "../stores/auth.ts";
import { useChatStore } from "../stores/chat.ts";

/** Leaves for good: this device forgets the link, and all that it kept of this person. */
export function useLeave(): () => Promise<void> {
  const [auth, chat, game] = [useAuthStore(), useChatStore(), useGameStateStore()];
  return async () => {
    chat.forget();
    await game.logout();
    auth.forget();
  };
}
