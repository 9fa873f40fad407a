import { useGameStateStore } from "@stateward/client/pinia";
import { dnd5e } from "@stateward/client/plugin";
import type { ComputedRef } from "vue";

import { tokensOf, type Token } from "../domain/encounter.ts";
import { pictureOf } from "../domain/portrait.ts";
import { turnsView } from "../domain/turns.ts";
import { useEntitiesStore } from "../stores/entities.ts";
import { stable } from "./stable.ts";

/** A token with what is known of whom it stands for. */
export interface TokenView extends Token {
  readonly picture: string | undefined;
  readonly hitPoints: { readonly current: number; readonly maximum: number; readonly temporary: number } | undefined;
  readonly conditions: readonly string[];
  readonly isDown: boolean;
  readonly hasTurn: boolean;
}

/** A token wherever it stands. */
export type Combatant = Omit<TokenView, "x" | "y" | "elevation">;

export function combatant({ id, name, of, entityId, size, isVisible, disposition, barShown, picture, hitPoints, conditions, isDown, hasTurn }: TokenView): Combatant {
  return { id, name, of, entityId, size, isVisible, disposition, barShown, picture, hitPoints, conditions, isDown, hasTurn };
}

/** The tokens that this person may see: hidden ones are for the game master alone, as is how hostile ones fare. */
export function useTokens(): ComputedRef<readonly TokenView[]> {
  const game = useGameStateStore();
  const entities = useEntitiesStore();
  return stable(() => {
    const encounter = game.currentEncounter;
    const current = turnsView(encounter)?.currentId;
    return tokensOf(encounter)
      .filter(({ isVisible }) => isVisible || game.isGM)
      .map((token) => {
        const entity = entities[token.of].get(token.entityId);
        const sheet = entity === undefined ? undefined : dnd5e.readSheet(entity);
        const shown = sheet !== undefined && (game.isGM || token.barShown);
        return {
          ...token,
          picture: pictureOf(entity),
          hitPoints: shown ? sheet.hitPoints : undefined,
          conditions: sheet?.conditions ?? [],
          isDown: sheet !== undefined && sheet.hitPoints.current <= 0,
          hasTurn: token.entityId === current,
        };
      });
  });
}
