import type { Entity } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { defineStore } from "pinia";
import { computed } from "vue";

import { idOf } from "../domain/read.ts";

/** Characters and actors by their ids. Made anew when one comes or goes, not when something within one changes. */
export const useEntitiesStore = defineStore("entities", () => {
  const game = useGameStateStore();
  const byId = (entities: readonly Entity[]): ReadonlyMap<string, Entity> => new Map(entities.map((entity) => [idOf(entity), entity]));
  return { characters: computed(() => byId(game.characters)), actors: computed(() => byId(game.actors)) };
});
