import type { IconName } from "./icons.ts";

export interface TabView<T extends string> {
  readonly id: T;
  readonly label: string;
  readonly icon?: IconName;
  /** Of what is new under it. */
  readonly count?: number;
}
