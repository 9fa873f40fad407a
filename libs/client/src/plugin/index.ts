export {
  getActorPluginData,
  getCharacterPluginData,
  getPluginData,
  setPluginData,
  updateActorState,
  updateCharacterState,
} from "../core/plugin.ts";
export { pluginContext, type Plugin, type PluginContext, type PluginHost } from "./context.ts";
export { parseDice, rollDice, type DiceFormula, type DiceRoll } from "./dice.ts";
export { resetsOf, type Lifecycle, type Reset } from "./lifecycle.ts";
export { addToTurns, currentTurn, endTurns, nextTurn, startTurns, turnsOf, type Turn, type Turns } from "./turns.ts";
export * as dnd5e from "./dnd5e/index.ts";
