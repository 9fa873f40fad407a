import type { Entity, StateOperation } from "../../core/types.ts";
import { addCondition, removeCondition } from "./conditions.ts";
import { readSheet, setField, type Place, type Sheet } from "./sheet.ts";

export type DamageType =
  | "acid"
  | "bludgeoning"
  | "cold"
  | "fire"
  | "force"
  | "lightning"
  | "necrotic"
  | "piercing"
  | "poison"
  | "psychic"
  | "radiant"
  | "slashing"
  | "thunder";

/** Damage, after resistances: temporary hit points first. At 0 hit points one falls unconscious. */
export function damage(place: Place, entity: Entity, amount: number, type: DamageType): StateOperation[] {
  const sheet = readSheet(entity);
  const taken = afterResistances(sheet, amount, type);
  if (taken === 0) return [];
  const { current, temporary } = sheet.hitPoints;
  const absorbed = Math.min(temporary, taken);
  const left = Math.max(0, current - (taken - absorbed));
  return [
    ...(absorbed > 0 ? [setField(place, ["hitPoints", "temporary"], temporary - absorbed)] : []),
    ...(left === current ? [] : [setField(place, ["hitPoints", "current"], left)]),
    ...(left === 0 && current > 0 ? addCondition(place, entity, "unconscious") : []),
  ];
}

/** Healing, up to the maximum. From 0 hit points one wakes up, and death saves begin anew. */
export function heal(place: Place, entity: Entity, amount: number): StateOperation[] {
  const { hitPoints, deathSaves } = readSheet(entity);
  const { current, maximum } = hitPoints;
  const healed = Math.min(maximum, current + Math.max(0, Math.floor(amount)));
  if (healed <= current) return [];
  return [
    setField(place, ["hitPoints", "current"], healed),
    ...(current === 0 ? removeCondition(place, entity, "unconscious") : []),
    ...(deathSaves.successes + deathSaves.failures > 0 ? [setField(place, ["deathSaves"], { successes: 0, failures: 0 })] : []),
  ];
}

/** Immunity, then resistance (half, rounded down), then vulnerability (twice). */
function afterResistances({ immunities, resistances, vulnerabilities }: Sheet, amount: number, type: DamageType): number {
  const dealt = Math.max(0, Math.floor(amount));
  if (immunities.includes(type)) return 0;
  const halved = resistances.includes(type) ? Math.floor(dealt / 2) : dealt;
  return vulnerabilities.includes(type) ? halved * 2 : halved;
}
