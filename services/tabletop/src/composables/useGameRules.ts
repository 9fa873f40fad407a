import type { ReplicaEvents } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { dnd5e, pluginContext, type PluginHost } from "@stateward/client/plugin";
import { onScopeDispose, watch } from "vue";

/** Runs the rules of the game where they belong: on the game master's screen, as long as this is one. */
export function useGameRules(): void {
  const game = useGameStateStore();
  let stop: (() => void) | undefined;

  const host: PluginHost = {
    get gameState() {
      return game.gameState ?? undefined;
    },
    head: undefined,
    update: (change, options) => game.updateGameState(change, options),
    on(name, listener) {
      // A replaced state is another version without operations of its own: rules look at it after the next ones.
      return name === "updated" ? game.onUpdate(listener as (update: ReplicaEvents["updated"]) => void) : () => undefined;
    },
  };

  watch(
    () => game.isGM && game.gameState !== null,
    (runs) => {
      stop?.();
      stop = undefined;
      if (!runs) return;
      const context = pluginContext(host, dnd5e.dnd5e2024.id);
      const end = dnd5e.dnd5e2024.setup(context);
      stop = () => {
        end?.();
        context.dispose();
      };
    },
    { immediate: true },
  );
  onScopeDispose(() => stop?.());
}
