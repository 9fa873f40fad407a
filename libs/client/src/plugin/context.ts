import { own } from "../core/json.ts";
import { getPluginData } from "../core/plugin.ts";
import type { Ack, Entity, ServerGameState, StateOperation, UpdateAccepted } from "../core/types.ts";
import type { Intent, UpdateOptions } from "../queue/types.ts";
import type { Head, ReplicaEvents } from "../replica/types.ts";

/** What a plugin is built on: a `Replica` is one. */
export interface PluginHost {
  readonly gameState: ServerGameState | undefined;
  readonly head: Head | undefined;
  update(change: Intent | readonly StateOperation[], options?: UpdateOptions): Promise<Ack<UpdateAccepted>>;
  on<Name extends "replaced" | "updated">(name: Name, listener: (payload: ReplicaEvents[Name]) => void): () => void;
}

/** All that a plugin sees of the session: the unified state, the stream of what happens to it, and one way to change it. */
export interface PluginContext {
  readonly pluginId: string;
  /** The state as it is now, or undefined before it is there. Read it, do not write into it. */
  readonly state: ServerGameState | undefined;
  /** What the plugin keeps in the state. */
  data(): unknown;
  character(id: string): Entity | undefined;
  actor(id: string): Entity | undefined;
  item(id: string): Entity | undefined;
  update(change: Intent | readonly StateOperation[], options?: UpdateOptions): Promise<Ack<UpdateAccepted>>;
  /** Each confirmed version with its operations, in order, as they were applied. */
  onOperations(listener: (update: ReplicaEvents["updated"]) => void): () => void;
  /** The state is another one: after operations, or because all of it was replaced. */
  onState(listener: (state: ServerGameState) => void): () => void;
  /** Ends all that was subscribed through this context. */
  dispose(): void;
}

/** A game's rules. They run in the clients alone: the server knows no plugin. */
export interface Plugin {
  readonly id: string;
  readonly name: string;
  /** Called once for a session; what it gives is called at its end. */
  setup(context: PluginContext): (() => void) | undefined;
}

export function pluginContext(host: PluginHost, pluginId: string): PluginContext {
  const subscriptions = new Set<() => void>();
  const subscribe = (...ends: (() => void)[]): (() => void) => {
    const end = (): void => {
      for (const one of ends) one();
      subscriptions.delete(end);
    };
    subscriptions.add(end);
    return end;
  };
  const find = (collection: "characters" | "actors" | "items", id: string): Entity | undefined =>
    host.gameState?.[collection].find((entity) => own(entity, "id") === id);
  return {
    pluginId,
    get state() {
      return host.gameState;
    },
    data: () => (host.gameState === undefined ? undefined : getPluginData(host.gameState, pluginId)),
    character: (id) => find("characters", id),
    actor: (id) => find("actors", id),
    item: (id) => find("items", id),
    update: (change, options) => host.update(change, options),
    onOperations: (listener) => subscribe(host.on("updated", listener)),
    onState: (listener) => {
      const tell = (): void => {
        if (host.gameState !== undefined) listener(host.gameState);
      };
      return subscribe(host.on("updated", tell), host.on("replaced", tell));
    },
    dispose: () => {
      for (const end of [...subscriptions]) end();
    },
  };
}
