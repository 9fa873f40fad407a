import type { StateOperation } from "@stateward/client";
import { shallowRef, type ShallowRef } from "vue";

import { useAct } from "./useAct.ts";

export interface Square {
  readonly x: number;
  readonly y: number;
}

export interface MoveToken {
  /** Where tokens were put that the server has not confirmed yet: shown there, and marked. */
  readonly pending: Readonly<ShallowRef<ReadonlyMap<string, Square>>>;
  readonly move: (tokenId: string, to: Square) => Promise<void>;
}

/** Moves tokens. Rapid moves of one token share a turn, and each ends where the state says it does. */
export function useMoveToken(): MoveToken {
  const { change } = useAct();
  const pending = shallowRef<ReadonlyMap<string, Square>>(new Map());

  async function move(tokenId: string, to: Square): Promise<void> {
    pending.value = new Map([...pending.value, [tokenId, to]]);
    await change(movesOf(tokenId, to), { coalesce: true });
    if (pending.value.get(tokenId) === to) pending.value = new Map([...pending.value].filter(([id]) => id !== tokenId));
  }

  return { pending, move };
}

function movesOf(id: string, { x, y }: Square): StateOperation[] {
  const position = ["currentEncounter", "tokens", { id }, "position"];
  return [
    { path: [...position, "x"], operation: "set", value: x },
    { path: [...position, "y"], operation: "set", value: y },
  ];
}
