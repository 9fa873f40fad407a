import type { Applied } from "../core/apply.ts";
import type { GameState } from "../core/game-state.ts";
import { Rejection } from "../core/rejection.ts";
import type { StateOperation } from "../core/types.ts";

interface Layer {
  readonly owner: object;
  operations: readonly StateOperation[];
  applied: Applied | undefined;
}

/** What is shown before the server has confirmed it, in layers over the state. They are lifted off whenever the state itself is looked at. */
export class Paint {
  private readonly layers: Layer[] = [];

  get isEmpty(): boolean {
    return this.layers.length === 0;
  }

  add(owner: object, operations: readonly StateOperation[]): void {
    const layer = this.layers.find((known) => known.owner === owner);
    if (layer === undefined) this.layers.push({ owner, operations, applied: undefined });
    else layer.operations = operations;
  }

  remove(owner: object): boolean {
    const index = this.layers.findIndex((layer) => layer.owner === owner);
    if (index >= 0) this.layers.splice(index, 1);
    return index >= 0;
  }

  /** Runs `work` on the state as the server has it, and paints over it again what still fits. */
  under<T>(before: GameState | undefined, work: () => T, after: () => GameState | undefined): T {
    this.lift(before);
    try {
      return work();
    } finally {
      this.lay(after());
    }
  }

  private lift(game: GameState | undefined): void {
    for (const layer of this.layers.toReversed()) {
      if (layer.applied !== undefined) game?.putBack(layer.applied);
      layer.applied = undefined;
    }
  }

  private lay(game: GameState | undefined): void {
    for (const layer of this.layers) {
      try {
        layer.applied = game?.apply(layer.operations);
      } catch (error) {
        // It does not fit what the state is now. The server will say what becomes of it.
        if (!(error instanceof Rejection)) throw error;
      }
    }
  }
}
