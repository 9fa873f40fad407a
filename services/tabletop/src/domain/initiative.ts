import type { ServerGameState } from "@stateward/client";
import { dnd5e, rollDice } from "@stateward/client/plugin";

import { at, number } from "./read.ts";

/** A d20 with the bonus that the sheet has, else that of Dexterity. */
export function rollInitiative(state: ServerGameState, of: "characters" | "actors", id: string, random?: () => number): number {
  const entity = state[of].find((one) => one["id"] === id);
  if (entity === undefined) return rollDice("1d20", random).total;
  const dexterity = dnd5e.abilityModifier(dnd5e.readSheet(entity).abilities.dexterity);
  return rollDice("1d20", random).total + number(at(entity, "pluginData", "initiative"), dexterity);
}
