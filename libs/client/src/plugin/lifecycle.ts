import { isObject, own } from "../core/json.ts";
import type { Entity, ServerGameState, StateOperation } from "../core/types.ts";

/** What ends: with each, all that lasts no longer than it is put back. What is persistent has no reset. */
export type Lifecycle = "turn" | "encounter" | "session";

/** A field of entities that goes back to a value. */
export interface Reset {
  readonly lasts: Lifecycle;
  readonly of: "characters" | "actors";
  /** Below the entity. */
  readonly path: readonly string[];
  readonly to: (entity: Entity) => unknown;
}

const ORDER: readonly Lifecycle[] = ["turn", "encounter", "session"];

/** The operations at the end of a turn (of one entity), an encounter or a session: of what is set already, none. */
export function resetsOf(state: ServerGameState, resets: readonly Reset[], ends: Lifecycle, entityId?: string): StateOperation[] {
  const due = resets.filter(({ lasts }) => ORDER.indexOf(lasts) <= ORDER.indexOf(ends));
  return due.flatMap(({ of, path, to }) =>
    state[of].flatMap((entity): StateOperation[] => {
      const id = own(entity, "id");
      if (typeof id !== "string" || (entityId !== undefined && id !== entityId)) return [];
      const value = to(entity);
      const held = path.reduce<unknown>((level, key) => (isObject(level) ? own(level, key) : undefined), entity);
      if (held === undefined || JSON.stringify(held) === JSON.stringify(value)) return [];
      return [{ path: [of, { id }, ...path], operation: "set", value }];
    }),
  );
}
