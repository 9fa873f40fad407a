import { isObject, own } from "./json.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { formatPath, indexOf, isSelector, parsePath } from "./path.ts";
import type { Entity, PathSegment, ServerGameState, StateOperation } from "./types.ts";

/** What a plugin keeps in the state, or undefined. */
export function getPluginData(gameState: ServerGameState, pluginId: string): unknown {
  return own(gameState.pluginData, pluginId);
}

/** The operations that make `data` what the plugin keeps. */
export function setPluginData(_gameState: ServerGameState, pluginId: string, data: unknown): StateOperation[] {
  return [{ path: formatPath(["pluginData", pluginId]), operation: "set", value: data }];
}

/** What stands at a path below the character's `pluginData`, or undefined. */
export function getCharacterPluginData(character: Entity, path: string): unknown {
  return read(character, path);
}

/** What stands at a path below the actor's `pluginData`, or undefined. */
export function getActorPluginData(actor: Entity, path: string): unknown {
  return read(actor, path);
}

type Updates = Readonly<Record<string, unknown>>;

/**
 * The operations that set fields of a character; the keys of `updates` are paths below it, `undefined` removes.
 *
 * Without the state they name the character by its id, which the server resolves: they hold whatever moved in between.
 * With the state they name it by its index in that state.
 */
export function updateCharacterState(characterId: string, updates: Updates): StateOperation[];
export function updateCharacterState(gameState: ServerGameState, characterId: string, updates: Updates): StateOperation[];
export function updateCharacterState(...args: [string, Updates] | [ServerGameState, string, Updates]): StateOperation[] {
  return args.length === 2 ? update("characters", { id: args[0] }, args[1]) : update("characters", indexOfId("characters", args[0], args[1]), args[2]);
}

/** The same as {@link updateCharacterState} for an actor. */
export function updateActorState(actorId: string, updates: Updates): StateOperation[];
export function updateActorState(gameState: ServerGameState, actorId: string, updates: Updates): StateOperation[];
export function updateActorState(...args: [string, Updates] | [ServerGameState, string, Updates]): StateOperation[] {
  return args.length === 2 ? update("actors", { id: args[0] }, args[1]) : update("actors", indexOfId("actors", args[0], args[1]), args[2]);
}

function update(collection: string, entity: PathSegment, updates: Updates): StateOperation[] {
  return Object.entries(updates).map(([path, value]) => ({
    path: formatPath([collection, entity, ...parsePath(path, DEFAULT_LIMITS)]),
    ...(value === undefined ? { operation: "unset" } : { operation: "set", value }),
  }));
}

function indexOfId(collection: "characters" | "actors", gameState: ServerGameState, id: string): string {
  const index = gameState[collection].findIndex((entity) => isObject(entity) && own(entity, "id") === id);
  if (index < 0) throw new RangeError(`no entity of ${collection} has this id`);
  return String(index);
}

function read(entity: Entity, path: string): unknown {
  let level: unknown = own(entity, "pluginData");
  for (const segment of parsePath(path, DEFAULT_LIMITS)) {
    if (Array.isArray(level)) {
      const index = isSelector(segment) ? level.findIndex((element) => isObject(element) && own(element, "id") === segment.id) : indexOf(segment);
      level = index === undefined ? undefined : (level as unknown[])[index];
    } else if (isObject(level) && !isSelector(segment)) level = own(level, segment);
    else return undefined;
  }
  return level;
}
