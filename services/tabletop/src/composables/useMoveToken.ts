import type { StateOperation } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { shallowRef, type ShallowRef } from "vue";

import { useGestureStore } from "../stores/gesture.ts";
import { useAct } from "./useAct.ts";

export interface Square {
  readonly x: number;
  readonly y: number;
}

export interface MoveToken {
  /** Where tokens were put that the server has not confirmed yet: shown there, and marked. */
  readonly pending: Readonly<ShallowRef<ReadonlyMap<string, Square>>>;
  /** One step, that is undone by itself. */
  readonly move: (tokenId: string, to: Square) => Promise<void>;
  /** A token is taken: what follows until the next one is a single gesture. */
  readonly grab: () => void;
  /** Over a square, and left on the last one: everybody sees it on its way. */
  readonly drag: (tokenId: string, over: Square) => Promise<void>;
}

/** Moves tokens. Rapid moves of one token share a turn, and each ends where the state says it does. */
export function useMoveToken(): MoveToken {
  const game = useGameStateStore();
  const gesture = useGestureStore();
  const { ask } = useAct();
  const pending = shallowRef<ReadonlyMap<string, Square>>(new Map());
  let wasRefused = false;

  function grab(): void {
    wasRefused = false;
    gesture.begin();
  }

  async function drag(tokenId: string, over: Square): Promise<void> {
    // One toast is enough for a drag that is not allowed.
    if (wasRefused) return;
    pending.value = new Map([...pending.value, [tokenId, over]]);
    const answer = game.updateGameState(movesOf(tokenId, over), { coalesce: true });
    void answer.then(gesture.note);
    if (!(await ask(answer))) wasRefused = true;
    if (pending.value.get(tokenId) === over) pending.value = new Map([...pending.value].filter(([id]) => id !== tokenId));
  }

  function move(tokenId: string, to: Square): Promise<void> {
    grab();
    return drag(tokenId, to);
  }

  return { pending, move, grab, drag };
}

function movesOf(id: string, { x, y }: Square): StateOperation[] {
  const position = ["currentEncounter", "tokens", { id }, "position"];
  return [
    { path: [...position, "x"], operation: "set", value: x },
    { path: [...position, "y"], operation: "set", value: y },
  ];
}
