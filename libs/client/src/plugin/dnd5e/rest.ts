import type { Entity, StateOperation } from "../../core/types.ts";
import { rollDice } from "../dice.ts";
import { heal } from "./hit-points.ts";
import { abilityModifier, readSheet, setField, type Place } from "./sheet.ts";

/** A short rest: so many of the hit dice left are spent, each heals its roll and the Constitution modifier, at least 1. */
export function shortRest(place: Place, entity: Entity, dice: number, random?: () => number): StateOperation[] {
  const { hitDice, abilities, hitPoints } = readSheet(entity);
  const spent = Math.min(Math.max(0, Math.floor(dice)), hitDice.left);
  if (spent === 0 || hitPoints.current === 0) return [];
  const { rolls } = rollDice({ count: spent, sides: hitDice.sides, modifier: 0 }, random);
  const modifier = abilityModifier(abilities.constitution);
  const healed = rolls.reduce((sum, roll) => sum + Math.max(1, roll + modifier), 0);
  return [setField(place, ["hitDice"], { sides: hitDice.sides, left: hitDice.left - spent }), ...heal(place, entity, healed)];
}

/** A long rest: all hit points and all hit dice, no temporary hit points, one level of exhaustion less. It needs at least 1 hit point. */
export function longRest(place: Place, entity: Entity): StateOperation[] {
  const { hitPoints, hitDice, level, exhaustion } = readSheet(entity);
  if (hitPoints.current === 0) return [];
  return [
    setField(place, ["hitPoints"], { current: hitPoints.maximum, maximum: hitPoints.maximum, temporary: 0 }),
    setField(place, ["hitDice"], { sides: hitDice.sides, left: level }),
    ...(exhaustion > 0 ? [setField(place, ["exhaustion"], exhaustion - 1)] : []),
  ];
}
