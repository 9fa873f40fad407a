import { isObject, own } from "../core/json.ts";
import type { ServerGameState, StateOperation } from "../core/types.ts";

/** Whose turn it may be, and when. */
export interface Turn {
  readonly id: string;
  readonly initiative: number;
}

/** The order of an encounter. It stands in `currentEncounter.turns`, so that all clients see the same. */
export interface Turns {
  readonly round: number;
  readonly current: number;
  readonly order: readonly Turn[];
}

const PATH = "currentEncounter.turns";

export function turnsOf({ currentEncounter }: ServerGameState): Turns | undefined {
  const turns = currentEncounter === null ? undefined : own(currentEncounter, "turns");
  return isObject(turns) && Array.isArray(turns["order"]) ? (turns as unknown as Turns) : undefined;
}

export function currentTurn(state: ServerGameState): Turn | undefined {
  const turns = turnsOf(state);
  return turns?.order[turns.current];
}

/** Begins the first round: the highest initiative first, equals in the order given. */
export function startTurns(_state: ServerGameState, participants: readonly Turn[]): StateOperation[] {
  const order = participants.map(({ id, initiative }) => ({ id, initiative })).sort((a, b) => b.initiative - a.initiative);
  return [{ path: PATH, operation: "set", value: { round: 1, current: 0, order } }];
}

/** The next one's turn; after the last one, the next round. */
export function nextTurn(state: ServerGameState): StateOperation[] {
  const turns = turnsOf(state);
  if (turns === undefined || turns.order.length === 0) return [];
  const isLast = turns.current + 1 >= turns.order.length;
  return [
    { path: `${PATH}.current`, operation: "set", value: isLast ? 0 : turns.current + 1 },
    ...(isLast ? [{ path: `${PATH}.round`, operation: "inc" as const, value: 1 }] : []),
  ];
}

/** Somebody comes late: behind those of the same initiative, and whoever has the turn keeps it. */
export function addToTurns(state: ServerGameState, { id, initiative }: Turn): StateOperation[] {
  const turns = turnsOf(state);
  if (turns === undefined) return [];
  const found = turns.order.findIndex((turn) => turn.initiative < initiative);
  const index = found < 0 ? turns.order.length : found;
  return [
    { path: `${PATH}.order`, operation: "push", value: { id, initiative }, index },
    ...(index <= turns.current && turns.order.length > 0 ? [{ path: `${PATH}.current`, operation: "inc" as const, value: 1 }] : []),
  ];
}

export function endTurns(state: ServerGameState): StateOperation[] {
  return turnsOf(state) === undefined ? [] : [{ path: PATH, operation: "unset" }];
}
