import { isObject } from "./json.ts";
import { Rejection } from "./rejection.ts";
import type { ServerGameState } from "./types.ts";

const ARRAYS = ["characters", "actors", "items"] as const;
const KEYS = 5;

/** Refuses what does not have exactly the five keys of a state. What stands below them is free: the game is the GM's business. */
export function checkStructure(state: unknown): asserts state is ServerGameState {
  if (!isObject(state)) throw new Rejection("BAD_STRUCTURE", "a state is an object");
  for (const key of ARRAYS) {
    if (!Object.hasOwn(state, key) || !Array.isArray(state[key])) throw new Rejection("BAD_STRUCTURE", `${key} must be an array`);
  }
  if (!Object.hasOwn(state, "currentEncounter") || !(state["currentEncounter"] === null || isObject(state["currentEncounter"]))) {
    throw new Rejection("BAD_STRUCTURE", "currentEncounter must be an object or null");
  }
  if (!Object.hasOwn(state, "pluginData") || !isObject(state["pluginData"])) {
    throw new Rejection("BAD_STRUCTURE", "pluginData must be an object");
  }
  if (Object.keys(state).length !== KEYS) throw new Rejection("BAD_STRUCTURE", "a state has five keys and no other");
}

export function emptyState(): ServerGameState {
  return { characters: [], actors: [], items: [], currentEncounter: null, pluginData: {} };
}
