export { attack, type Attack, type AttackResult } from "./attack.ts";
export { addCondition, CONDITIONS, removeCondition, type Condition } from "./conditions.ts";
export { damage, heal, type DamageType } from "./hit-points.ts";
export { dnd5e2024, ENCOUNTER_RESETS } from "./plugin.ts";
export { longRest, shortRest } from "./rest.ts";
export { abilityModifier, proficiencyBonus, readSheet, type Ability, type Sheet } from "./sheet.ts";
