import { isObject, own } from "../../core/json.ts";
import type { Entity, StateOperation } from "../../core/types.ts";
import { CONDITIONS, type Condition } from "./conditions.ts";
import type { DamageType } from "./hit-points.ts";

export type Ability = "strength" | "dexterity" | "constitution" | "intelligence" | "wisdom" | "charisma";

const ABILITIES: readonly Ability[] = ["strength", "dexterity", "constitution", "intelligence", "wisdom", "charisma"];

/** What the rules know of a character or an actor. It stands in the entity's `pluginData`; what is missing has a beginner's value. */
export interface Sheet {
  readonly level: number;
  readonly armorClass: number;
  readonly abilities: Readonly<Record<Ability, number>>;
  readonly hitPoints: { readonly current: number; readonly maximum: number; readonly temporary: number };
  readonly hitDice: { readonly sides: number; readonly left: number };
  readonly deathSaves: { readonly successes: number; readonly failures: number };
  readonly conditions: readonly Condition[];
  readonly exhaustion: number;
  readonly resistances: readonly DamageType[];
  readonly vulnerabilities: readonly DamageType[];
  readonly immunities: readonly DamageType[];
}

/** Reads a sheet. A GM may have written anything into the state: what is not a number of the right kind is taken for missing. */
export function readSheet(entity: Entity): Sheet {
  const data = fields(own(entity, "pluginData"));
  const [points, dice, saves, abilities] = ["hitPoints", "hitDice", "deathSaves", "abilities"].map((key) => fields(data[key]));
  const level = whole(data["level"], 1);
  const maximum = whole(points!["maximum"], 1);
  return {
    level,
    armorClass: whole(data["armorClass"], 10),
    abilities: Object.fromEntries(ABILITIES.map((ability) => [ability, whole(abilities![ability], 10)])) as Record<Ability, number>,
    hitPoints: { maximum, current: whole(points!["current"], maximum), temporary: whole(points!["temporary"], 0) },
    hitDice: { sides: whole(dice!["sides"], 8), left: whole(dice!["left"], level) },
    deathSaves: { successes: whole(saves!["successes"], 0), failures: whole(saves!["failures"], 0) },
    conditions: words(data["conditions"]).filter((word): word is Condition => (CONDITIONS as readonly string[]).includes(word)),
    exhaustion: whole(data["exhaustion"], 0),
    resistances: words(data["resistances"]) as DamageType[],
    vulnerabilities: words(data["vulnerabilities"]) as DamageType[],
    immunities: words(data["immunities"]) as DamageType[],
  };
}

export function abilityModifier(score: number): number {
  return Math.floor((score - 10) / 2);
}

export function proficiencyBonus(level: number): number {
  return 2 + Math.floor((Math.max(1, level) - 1) / 4);
}

/** Where an entity stands in the state. */
export interface Place {
  readonly of: "characters" | "actors";
  readonly id: string;
}

export function setField({ of, id }: Place, path: readonly string[], value: unknown): StateOperation {
  return { path: [of, { id }, "pluginData", ...path], operation: "set", value };
}

function fields(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}

function whole(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isInteger(value) ? value : otherwise;
}

function words(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((word): word is string => typeof word === "string") : [];
}
