import type { GameStateStore } from "./game-state-store.ts";

/** Of the Vue devtools' plugin API: what `setupDevtoolsPlugin` of `@vue/devtools-api` hands over. */
export interface TimelineApi {
  addTimelineLayer(layer: { id: string; label: string; color: number }): void;
  addTimelineEvent(event: {
    layerId: string;
    event: { time: number; title: string; subtitle: string; data: Record<string, unknown>; groupId: string };
  }): void;
}

const LAYER = "stateward:updates";

/** Shows each version that the store takes on a timeline of its own. Gives the function that ends it. */
export function watchInDevtools(api: TimelineApi, store: Pick<GameStateStore, "onUpdate">, now: () => number = Date.now): () => void {
  api.addTimelineLayer({ id: LAYER, label: "Game state", color: 0x4f7cac });
  return store.onUpdate(({ head, operations, updateId }) => {
    const subtitle = operations.map(({ operation, path }) => `${operation} ${typeof path === "string" ? path : JSON.stringify(path)}`).join(", ");
    const data = { ...head, updateId, operations };
    api.addTimelineEvent({ layerId: LAYER, event: { time: now(), title: `version ${head.version}`, subtitle, data, groupId: updateId } });
  });
}
