import { useGameStateStore } from "@stateward/client/pinia";
import { dnd5e } from "@stateward/client/plugin";

import { nameOf, signed } from "../domain/read.ts";
import type { Strike } from "../domain/sheet.ts";
import { useChatStore } from "../stores/chat.ts";
import type { EntityPlace } from "../stores/layout.ts";
import { useAct } from "./useAct.ts";
import type { TokenView } from "./useTokens.ts";

/** An attack by the rules, on the game master's screen: rolled once, what it does is one update, and the table is told. */
export function useAttack(): (by: EntityPlace, target: TokenView, strike: Strike) => Promise<void> {
  const game = useGameStateStore();
  const chat = useChatStore();
  const { ask, change } = useAct();

  return async (by, target, strike) => {
    const attacker = game[by.of].find(({ id }) => id === by.id);
    const place = { of: target.of, id: target.entityId };
    const struck = game[place.of].find(({ id }) => id === place.id);
    if (attacker === undefined || struck === undefined) return;
    const result = dnd5e.attack(attacker, { place, entity: struck }, strike.by);
    const done =
      result.operations.length === 0 ||
      (await change((state) => {
        const now = state[place.of].find(({ id }) => id === place.id);
        return now === undefined ? [] : dnd5e.damage(place, now, result.damage, strike.by.type);
      }));
    if (done) await ask(chat.say(words(nameOf(attacker), nameOf(struck), strike.name, result), { type: "session" }));
  };
}

function words(attacker: string, target: string, weapon: string, { d20, total, hits, isCritical, damage }: dnd5e.AttackResult): string {
  const dice = `${total} to hit (${d20}${total === d20 ? "" : ` ${signed(total - d20)}`})`;
  if (!hits) return `${attacker} misses ${target} with ${weapon}: ${dice}.`;
  return `${attacker} ${isCritical ? "lands a critical hit on" : "hits"} ${target} with ${weapon}: ${dice}, ${damage} damage.`;
}
