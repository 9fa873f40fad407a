import type { ServerGameState, StateOperation } from "../../core/types.ts";
import type { Plugin, PluginContext } from "../context.ts";
import { resetsOf, type Reset } from "../lifecycle.ts";
import { currentTurn, turnsOf } from "../turns.ts";

/** What lasts a turn or an encounter at most. */
export const ENCOUNTER_RESETS: readonly Reset[] = [
  { lasts: "turn", of: "characters", path: ["pluginData", "actionUsed"], to: () => false },
  { lasts: "turn", of: "actors", path: ["pluginData", "actionUsed"], to: () => false },
  { lasts: "encounter", of: "characters", path: ["pluginData", "concentration"], to: () => null },
  { lasts: "encounter", of: "actors", path: ["pluginData", "concentration"], to: () => null },
];

/** D&D 5e (2024), on the game master's client: when a turn comes, the actions of whoever has it are fresh; after an encounter, its traces go. */
export const dnd5e2024: Plugin = {
  id: "dnd-5e-2024",
  name: "D&D 5e (2024)",
  setup(context: PluginContext) {
    let last = place(context);
    return context.onState(() => {
      const now = place(context);
      if (now === last) return;
      const ended = last !== undefined && now === undefined;
      last = now;
      const resets = ended ? encounterResets : turnResets;
      // Nothing to put back is no version. Else asked again when its turn comes: on the state, and for whoever has the turn by then.
      if (context.state !== undefined && resets(context.state).length > 0) void context.update(resets);
    });
  },
};

function encounterResets(state: ServerGameState): StateOperation[] {
  return resetsOf(state, ENCOUNTER_RESETS, "encounter");
}

function turnResets(state: ServerGameState): StateOperation[] {
  return resetsOf(state, ENCOUNTER_RESETS, "turn", currentTurn(state)?.id ?? "");
}

function place({ state }: PluginContext): string | undefined {
  const turns = state === undefined ? undefined : turnsOf(state);
  return turns === undefined ? undefined : `${turns.round}:${turns.current}`;
}
