import type { JsonValue, PathSegment } from "@stateward/client";
import type { InjectionKey, Ref } from "vue";

/** A place that was chosen in the tree. */
export interface Choice {
  readonly path: readonly PathSegment[];
  readonly value: JsonValue;
}

export interface TreeContext {
  readonly open: Set<string>;
  readonly changed: Readonly<Ref<ReadonlyMap<string, number>>>;
  choose(choice: Choice): void;
}

export const TREE: InjectionKey<TreeContext> = Symbol("tree");
