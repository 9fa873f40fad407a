/** Limits of a state and of one update. The server announces its own in the answer to a join. */
export interface Limits {
  /** Operations of one update. */
  readonly operations: number;
  /** Bytes of a path in its text form, or of all its segments together. */
  readonly pathBytes: number;
  /** Bytes of one path segment. */
  readonly segmentBytes: number;
  /** Levels of the state, and segments of a path. */
  readonly depth: number;
  /** Bytes of the state's canonical form. */
  readonly stateBytes: number;
  /** Bytes of the state as BSON. */
  readonly stateBsonBytes: number;
  /** Elements of one array. */
  readonly arrayElements: number;
  /** Values in the whole state. */
  readonly nodes: number;
  /** Comparisons that one update may cost: for a pull elements times values in what is looked for, for a selector elements. */
  readonly comparisons: number;
}

export const DEFAULT_LIMITS: Limits = {
  operations: 500,
  pathBytes: 1024,
  segmentBytes: 256,
  depth: 32,
  stateBytes: 8 * 1024 * 1024,
  stateBsonBytes: 12 * 1024 * 1024,
  arrayElements: 100_000,
  nodes: 1_000_000,
  comparisons: 5_000_000,
};

/** For what was accepted before, perhaps under other limits: a replica holds whatever the server holds. */
export const NO_LIMITS: Limits = {
  operations: Infinity,
  pathBytes: Infinity,
  segmentBytes: Infinity,
  // Recursion over values is bounded by this.
  depth: 128,
  stateBytes: Infinity,
  stateBsonBytes: Infinity,
  arrayElements: Infinity,
  nodes: Infinity,
  comparisons: Infinity,
};
