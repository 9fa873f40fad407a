import type { RollRecipients } from "../stores/chat.ts";

export type TypedLine =
  | { readonly kind: "said"; readonly message: string }
  | { readonly kind: "roll"; readonly formula: string; readonly recipients: RollRecipients | undefined; readonly reason: string | undefined };

const ROLL = /^\/(r|roll|gr|gmroll|pr|private)\s+([^#]+?)\s*(?:#\s*(.+))?$/i;
const WHO: Record<string, RollRecipients | undefined> = { gr: "gm", gmroll: "gm", pr: "private", private: "private" };

/** `/r 2d6+3 # fireball` rolls, `/gr` for the game master, `/pr` for oneself; all else is said. Nothing of nothing. */
export function readLine(text: string): TypedLine | undefined {
  const message = text.trim();
  if (message === "") return undefined;
  const [, command, formula, reason] = ROLL.exec(message) ?? [];
  if (command === undefined || formula === undefined) return { kind: "said", message };
  return { kind: "roll", formula, recipients: WHO[command.toLowerCase()], reason };
}
