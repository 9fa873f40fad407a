import type { Entity, ServerGameState, StateOperation } from "@stateward/client";
import { turnsOf } from "@stateward/client/plugin";

import { at, isRecord, list, number, text } from "./read.ts";

export interface TurnEntry {
  readonly id: string;
  readonly initiative: number;
}

export interface TurnsView {
  readonly round: number;
  readonly current: number;
  readonly currentId: string | undefined;
  readonly order: readonly TurnEntry[];
}

/** The order as it stands in an encounter. */
export function turnsView(encounter: Entity | null): TurnsView | undefined {
  const turns = at(encounter, "turns");
  if (!isRecord(turns)) return undefined;
  const order = list(turns["order"]).filter(isRecord).map((turn) => ({ id: text(turn["id"]), initiative: number(turn["initiative"]) }));
  const current = number(turns["current"]);
  return { round: number(turns["round"], 1), current, currentId: order[current]?.id, order };
}

/** The one before; before the first one, the round before. */
export function previousTurn(state: ServerGameState): StateOperation[] {
  const turns = turnsOf(state);
  if (turns === undefined || turns.order.length === 0 || (turns.current === 0 && turns.round <= 1)) return [];
  const isFirst = turns.current === 0;
  return [
    { path: "currentEncounter.turns.current", operation: "set", value: isFirst ? turns.order.length - 1 : turns.current - 1 },
    ...(isFirst ? [{ path: "currentEncounter.turns.round", operation: "inc" as const, value: -1 }] : []),
  ];
}

/** Takes one out of the order; whoever has the turn keeps it. */
export function leaveTurns(state: ServerGameState, id: string): StateOperation[] {
  const turns = turnsOf(state);
  const index = turns?.order.findIndex((turn) => turn.id === id) ?? -1;
  if (turns === undefined || index < 0) return [];
  const wraps = index === turns.current && index === turns.order.length - 1;
  return [
    { path: ["currentEncounter", "turns", "order", { id }], operation: "unset" },
    ...(index < turns.current || (wraps && turns.current > 0) ? [{ path: "currentEncounter.turns.current", operation: "inc" as const, value: -1 }] : []),
  ];
}
