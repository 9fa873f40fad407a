import type { Entity, StateOperation } from "../../core/types.ts";
import { readSheet, setField, type Place } from "./sheet.ts";

/** Of the 2024 rules. Exhaustion has levels, and a field of its own. */
export const CONDITIONS = [
  "blinded",
  "charmed",
  "deafened",
  "frightened",
  "grappled",
  "incapacitated",
  "invisible",
  "paralyzed",
  "petrified",
  "poisoned",
  "prone",
  "restrained",
  "stunned",
  "unconscious",
] as const;

export type Condition = (typeof CONDITIONS)[number];

export function addCondition(place: Place, entity: Entity, condition: Condition): StateOperation[] {
  const { conditions } = readSheet(entity);
  return conditions.includes(condition) ? [] : [setField(place, ["conditions"], [...conditions, condition])];
}

export function removeCondition(place: Place, entity: Entity, condition: Condition): StateOperation[] {
  const { conditions } = readSheet(entity);
  return conditions.includes(condition) ? [setField(place, ["conditions"], conditions.filter((other) => other !== condition))] : [];
}
