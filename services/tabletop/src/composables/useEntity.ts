import type { Entity } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { computed, type ComputedRef } from "vue";

import type { EntityPlace } from "../stores/layout.ts";

/** The character or actor at a place, as the state has it now. */
export function useEntity(place: () => EntityPlace | undefined): ComputedRef<Entity | undefined> {
  const game = useGameStateStore();
  return computed(() => {
    const at = place();
    return at === undefined ? undefined : game[at.of].find(({ id }) => id === at.id);
  });
}
