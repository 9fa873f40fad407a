import { ref, type Ref } from "vue";

import { useChatStore, type RollRecipients } from "../stores/chat.ts";
import { useAct } from "./useAct.ts";

const recipients = ref<RollRecipients>("public");

/** Who sees the dice that are rolled next, wherever they are rolled. */
export function useRollRecipients(): Ref<RollRecipients> {
  return recipients;
}

/** Rolls on the server, and says in a toast why not. */
export function useRoll(): (formula: string, reason?: string) => Promise<boolean> {
  const chat = useChatStore();
  const { ask } = useAct();
  return (formula, reason) => ask(chat.roll(formula, recipients.value, reason));
}
