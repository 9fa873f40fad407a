import type { Entity } from "@stateward/client";
import { dnd5e } from "@stateward/client/plugin";

import { at, isRecord, list, nameOf, number, signed, spaced, text, words } from "./read.ts";

/** What a sheet shows beyond what the rules compute with. */
export interface SheetView extends dnd5e.Sheet {
  readonly line: string;
  readonly initiative: number;
  readonly speed: string;
  readonly passivePerception: number;
  readonly proficiency: number;
  readonly skills: readonly { readonly key: string; readonly name: string; readonly bonus: number; readonly rank: number }[];
  readonly features: readonly Feature[];
  readonly actions: readonly Action[];
  readonly spells: readonly { readonly id: string; readonly name: string; readonly level: number; readonly text: string }[];
  readonly slots: readonly { readonly level: string; readonly current: number; readonly max: number }[];
  readonly senses: string;
  readonly languages: string;
  readonly notes: string;
}

export interface Feature {
  readonly name: string;
  readonly text: string;
  readonly uses: { readonly current: number; readonly max: number } | undefined;
}

export interface Action {
  readonly name: string;
  readonly bonus: number;
  readonly damage: string;
  readonly type: string;
  readonly note: string;
}

export function viewOf(entity: Entity): SheetView {
  const sheet = dnd5e.readSheet(entity);
  const data = at(entity, "pluginData");
  return {
    ...sheet,
    line: lineOf(entity),
    initiative: number(at(data, "initiative"), dnd5e.abilityModifier(sheet.abilities.dexterity)),
    speed: pairs(at(data, "speed"), "ft"),
    passivePerception: number(at(data, "passivePerception"), 10),
    proficiency: number(at(data, "proficiencyBonus"), dnd5e.proficiencyBonus(sheet.level)),
    skills: entries(at(data, "skills")).map(([key, skill]) => ({
      key,
      name: spaced(key),
      bonus: number(at(skill, "bonus")),
      rank: number(at(skill, "proficiency")),
    })),
    features: [...list(at(data, "features")), ...list(at(data, "traits"))].filter(isRecord).map(readFeature),
    actions: list(at(data, "actions")).filter(isRecord).map(readAction),
    spells: list(at(data, "spells", "known"))
      .filter(isRecord)
      .map((spell) => ({ id: text(spell["id"]), name: nameOf(spell), level: number(spell["level"]), text: text(spell["text"]) })),
    slots: entries(at(data, "spells", "slots")).map(([level, slot]) => ({
      level: spaced(level).replace("level", "Level "),
      current: number(at(slot, "current")),
      max: number(at(slot, "max")),
    })),
    senses: pairs(at(data, "senses"), "ft"),
    languages: words(at(data, "languages")).join(", "),
    notes: text(at(data, "notes")),
  };
}

/** `Level 5 Human Fighter (Champion)`, or `Undead, challenge 4`. */
export function lineOf(entity: Entity): string {
  const data = at(entity, "pluginData");
  const kind = text(at(data, "creatureType"));
  if (kind !== "") return `${spaced(kind)}, challenge ${rating(number(at(data, "challengeRating")))}`;
  const subclass = text(at(data, "subclass"));
  const words = [text(at(data, "species")), text(at(data, "class"))].filter((word) => word !== "").join(" ");
  if (words === "") return "";
  return `Level ${number(at(data, "level"), 1)} ${words}${subclass === "" ? "" : ` (${subclass})`}`;
}

function rating(value: number): string {
  return new Map([[0.125, "⅛"], [0.25, "¼"], [0.5, "½"]]).get(value) ?? String(value);
}

function readFeature(feature: Record<string, unknown>): Feature {
  const uses = feature["uses"];
  return {
    name: nameOf(feature),
    text: text(feature["text"]),
    uses: isRecord(uses) && typeof uses["current"] === "number" ? { current: uses["current"], max: number(uses["max"]) } : undefined,
  };
}

function readAction(action: Record<string, unknown>): Action {
  const reach = number(action["reach"]);
  const range = list(action["range"]).join("/");
  const parts = [range === "" ? (reach > 0 ? `reach ${reach} ft` : "") : `range ${range} ft`, text(action["effect"])];
  return {
    name: nameOf(action),
    bonus: number(action["attackBonus"]),
    damage: text(action["damage"]),
    type: text(action["damageType"]),
    note: parts.filter((part) => part !== "").join("; "),
  };
}

function entries(value: unknown): [string, unknown][] {
  return isRecord(value) ? Object.entries(value) : [];
}

/** `walk 30 ft, swim 40 ft` */
function pairs(value: unknown, unit: string): string {
  return entries(value)
    .filter(([, amount]) => typeof amount === "number")
    .map(([key, amount]) => `${spaced(key).toLowerCase()} ${amount as number} ${unit}`)
    .join(", ");
}

/** What an attacker may strike with: a character's weapons in hand, an actor's actions. */
export interface Strike {
  readonly name: string;
  readonly by: dnd5e.Attack;
}

const DICE = /^[0-9]*d[0-9]+/;

export function strikesOf(entity: Entity, items: readonly Entity[]): Strike[] {
  const sheet = viewOf(entity);
  const actions = sheet.actions.flatMap(({ name, bonus, damage, type, note }): Strike[] => {
    const dice = DICE.exec(damage)?.[0];
    if (dice === undefined) return [];
    const fits = dnd5e.abilityModifier(sheet.abilities.dexterity) + dnd5e.proficiencyBonus(sheet.level) === bonus;
    const ability = fits || note.startsWith("range") ? "dexterity" : "strength";
    return [{ name, by: { ability, damage: dice, type: type as dnd5e.DamageType, isRanged: note.startsWith("range") } }];
  });
  const weapons = inventoryOf(entity, items).flatMap(({ item, equipped }): Strike[] => {
    const data = at(item, "pluginData");
    const damage = text(at(data, "damage"));
    if (!equipped || at(data, "kind") !== "weapon" || damage === "") return [];
    const properties = words(at(data, "properties"));
    const isRanged = properties.includes("ammunition");
    const finesse = properties.includes("finesse") && sheet.abilities.dexterity > sheet.abilities.strength;
    const type = text(at(data, "damageType"), "bludgeoning") as dnd5e.DamageType;
    return [{ name: nameOf(item), by: { ability: isRanged || finesse ? "dexterity" : "strength", damage, type, isRanged } }];
  });
  return [...actions, ...weapons];
}

export interface Carried {
  readonly index: number;
  readonly item: Entity | undefined;
  readonly itemId: string;
  readonly quantity: number;
  readonly equipped: boolean;
}

export function inventoryOf(entity: Entity, items: readonly Entity[]): Carried[] {
  return list(at(entity, "inventory")).filter(isRecord).map((entry, index) => {
    const itemId = text(entry["itemId"]);
    return {
      index,
      itemId,
      item: items.find((item) => item["id"] === itemId),
      quantity: number(entry["quantity"], 1),
      equipped: entry["equipped"] === true,
    };
  });
}

/** The dice of an ability, skill or save. */
export function check(bonus: number): string {
  return bonus === 0 ? "1d20" : `1d20${bonus < 0 ? "-" : "+"}${Math.abs(bonus)}`;
}

export { signed };
