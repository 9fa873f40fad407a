/** Why a state or an update was refused, as a stable word. `tests/vectors/README.md` says when each is given. */
export type RejectionReason =
  | "BAD_JSON"
  | "DUPLICATE_KEY"
  | "LONE_SURROGATE"
  | "UNSAFE_NUMBER"
  | "FORBIDDEN_KEY"
  | "TOO_DEEP"
  | "BAD_OPERATION"
  | "UNKNOWN_OPERATION"
  | "MISSING_VALUE"
  | "TOO_MANY_OPERATIONS"
  | "BAD_PATH"
  | "BAD_INDEX"
  | "INDEX_OUT_OF_RANGE"
  | "MISSING_LEVEL"
  | "NOT_A_CONTAINER"
  | "NOT_AN_ARRAY"
  | "NOT_A_NUMBER"
  | "NO_MATCH"
  | "AMBIGUOUS_MATCH"
  | "TOO_EXPENSIVE"
  | "STATE_TOO_LARGE"
  | "BAD_STRUCTURE";

export interface RejectionPlace {
  /** Index of the refused operation in the update. */
  readonly operation?: number | undefined;
  /** The operation's path, cut to 64 characters: as it was sent if its form was refused, else as broadcasts write it. */
  readonly path?: string | undefined;
  /** The limit that was passed, and the value that passed it. */
  readonly limit?: number | undefined;
  readonly actual?: number | undefined;
}

/** A refusal: nothing was changed. The same input is always refused with the same reason, here and by the server. */
export class Rejection extends Error {
  override readonly name = "Rejection";
  readonly reason: RejectionReason;
  readonly operation: number | undefined;
  readonly path: string | undefined;
  readonly limit: number | undefined;
  readonly actual: number | undefined;

  constructor(reason: RejectionReason, message: string, place: RejectionPlace = {}) {
    super(message);
    this.reason = reason;
    this.operation = place.operation;
    this.path = place.path;
    this.limit = place.limit;
    this.actual = place.actual;
  }

  /** The same refusal with what an inner rule could not know: which operation, at which path. */
  at(place: RejectionPlace): Rejection {
    return new Rejection(this.reason, this.message, {
      operation: this.operation ?? place.operation,
      path: this.path ?? place.path,
      limit: this.limit,
      actual: this.actual,
    });
  }
}

/** Runs a rule and says of its refusal where it happened. */
export function placed<T>(place: () => RejectionPlace, rule: () => T): T {
  try {
    return rule();
  } catch (error) {
    throw error instanceof Rejection ? error.at(place()) : error;
  }
}
