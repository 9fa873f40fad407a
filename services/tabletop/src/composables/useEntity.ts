import type { Entity } from "@stateward/client";
import { computed, type ComputedRef } from "vue";

import { useEntitiesStore } from "../stores/entities.ts";
import type { EntityPlace } from "../stores/layout.ts";

/** The character or actor at a place, as the state has it now. */
export function useEntity(place: () => EntityPlace | undefined): ComputedRef<Entity | undefined> {
  const entities = useEntitiesStore();
  return computed(() => {
    const at = place();
    return at === undefined ? undefined : entities[at.of].get(at.id);
  });
}
