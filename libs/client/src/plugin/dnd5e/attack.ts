import type { Entity, StateOperation } from "../../core/types.ts";
import { parseDice, rollDice } from "../dice.ts";
import { damage, type DamageType } from "./hit-points.ts";
import { abilityModifier, proficiencyBonus, readSheet, type Ability, type Place, type Sheet } from "./sheet.ts";

export interface Attack {
  readonly ability: Ability;
  readonly proficient?: boolean;
  /** Such as `1d8`: the ability's modifier is added. */
  readonly damage: string;
  readonly type: DamageType;
  readonly isRanged?: boolean;
}

export interface AttackResult {
  readonly d20: number;
  readonly total: number;
  readonly hits: boolean;
  readonly isCritical: boolean;
  readonly damage: number;
  /** What the hit does to the target. */
  readonly operations: StateOperation[];
}

/** An attack roll against the target's armor class; a natural 20 hits and doubles the dice, a natural 1 misses. */
export function attack(attacker: Entity, target: { place: Place; entity: Entity }, by: Attack, random?: () => number): AttackResult {
  const [from, to] = [readSheet(attacker), readSheet(target.entity)];
  const modifier = abilityModifier(from.abilities[by.ability]);
  const d20 = rollD20(advantage(from, to, by.isRanged === true), random);
  const bonus = by.proficient === false ? 0 : proficiencyBonus(from.level);
  // In the 2024 rules, each level of exhaustion takes 2 from every d20 test.
  const total = d20 + modifier + bonus - 2 * from.exhaustion;
  const isCritical = d20 === 20;
  const hits = isCritical || (d20 !== 1 && total >= to.armorClass);
  if (!hits) return { d20, total, hits, isCritical, damage: 0, operations: [] };
  const dice = parseDice(by.damage);
  const rolled = rollDice({ ...dice, count: dice.count * (isCritical ? 2 : 1) }, random).total;
  const dealt = Math.max(0, rolled + modifier);
  return { d20, total, hits, isCritical, damage: dealt, operations: damage(target.place, target.entity, dealt, by.type) };
}

/** 1 with advantage, -1 with disadvantage, 0 with neither or both. */
function advantage(from: Sheet, to: Sheet, isRanged: boolean): number {
  const has = ({ conditions }: Sheet, ...wanted: Sheet["conditions"][number][]): boolean => wanted.some((condition) => conditions.includes(condition));
  const better = has(from, "invisible") || has(to, "blinded", "paralyzed", "petrified", "restrained", "stunned", "unconscious") || (!isRanged && has(to, "prone"));
  const worse = has(from, "blinded", "frightened", "poisoned", "prone", "restrained") || has(to, "invisible") || (isRanged && has(to, "prone"));
  return Number(better) - Number(worse);
}

function rollD20(advantage: number, random?: () => number): number {
  const { rolls } = rollDice({ count: advantage === 0 ? 1 : 2, sides: 20, modifier: 0 }, random);
  return advantage < 0 ? Math.min(...rolls) : Math.max(...rolls);
}
