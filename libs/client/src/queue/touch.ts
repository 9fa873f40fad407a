import { indexOf, isSelector, parsePath } from "../core/path.ts";
import { isObject, own } from "../core/json.ts";
import { NO_LIMITS } from "../core/limits.ts";
import type { CheckedOperation } from "../core/operation.ts";
import type { PathSegment, ServerGameState, StateOperation } from "../core/types.ts";

/**
 * What somebody else's change means for an operation that was made before it:
 * nothing; the place addressed holds something else now; or what the path's indexes lead to is something else.
 */
export type Touch = "none" | "value" | "place";

/** The worse of two. */
export function worse(a: Touch, b: Touch): Touch {
  if (a === "place" || b === "place") return "place";
  return a === "value" || b === "value" ? "value" : "none";
}

/** `theirs` as it is broadcast, and `state` with it applied. */
export function touch(theirs: StateOperation, mine: CheckedOperation, state: ServerGameState): Touch {
  const path = parsePath(theirs.path, NO_LIMITS) as string[];
  const moved = movedElements(theirs, path, state);
  return moved === undefined ? touchValue(theirs, path, mine, state) : touchArray(theirs, moved, mine, state);
}

interface Moved {
  readonly array: string[];
  /** Elements from here on have another index than before. */
  readonly from: number;
}

function movedElements({ operation, index }: StateOperation, path: string[], state: ServerGameState): Moved | undefined {
  if (operation === "push") return { array: path, from: index ?? Infinity };
  if (operation === "pull") return { array: path, from: 0 };
  const parent = path.slice(0, -1);
  if (operation === "unset" && Array.isArray(at(state, parent))) return { array: parent, from: indexOf(path.at(-1)!) ?? 0 };
  return undefined;
}

function touchArray({ operation }: StateOperation, { array, from }: Moved, mine: CheckedOperation, state: ServerGameState): Touch {
  const common = commonLevels(array, mine.segments, state);
  if (common < Math.min(array.length, mine.segments.length)) return "none";
  if (mine.segments.length > array.length) {
    const next = mine.segments[array.length]!;
    return !isSelector(next) && (indexOf(next) ?? 0) >= from ? "place" : "none";
  }
  const bothAppend = operation === "push" && mine.kind === "push" && mine.index === undefined && mine.segments.length === array.length;
  return bothAppend ? "none" : "value";
}

function touchValue(theirs: StateOperation, path: string[], mine: CheckedOperation, state: ServerGameState): Touch {
  const common = commonLevels(path, mine.segments, state);
  if (common < Math.min(path.length, mine.segments.length)) return "none";
  // Something above was replaced: an index below it may lead anywhere.
  if (mine.segments.length > path.length) return mine.segments.some((segment) => !isSelector(segment) && indexOf(segment) !== undefined) ? "place" : "value";
  if (mine.segments.length < path.length) return mine.kind === "push" ? "none" : "value";
  return mine.kind === "inc" && theirs.operation === "inc" ? "none" : "value";
}

/** How many levels both paths share from the root. */
function commonLevels(theirs: readonly string[], mine: readonly PathSegment[], state: ServerGameState): number {
  let level = 0;
  while (level < theirs.length && level < mine.length && sameStep(theirs, mine[level]!, level, state)) level++;
  return level;
}

function sameStep(theirs: readonly string[], mine: PathSegment, level: number, state: ServerGameState): boolean {
  if (!isSelector(mine)) return theirs[level] === mine;
  const element = at(state, theirs.slice(0, level + 1));
  return isObject(element) && own(element, "id") === mine.id;
}

function at(state: ServerGameState, path: readonly string[]): unknown {
  let level: unknown = state;
  for (const segment of path) {
    if (Array.isArray(level)) level = (level as unknown[])[indexOf(segment) ?? -1];
    else level = isObject(level) ? own(level, segment) : undefined;
  }
  return level;
}
