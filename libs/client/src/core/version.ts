/** The largest integer that a JavaScript number holds exactly. */
const MAX_VERSION = Number.MAX_SAFE_INTEGER;
const CANONICAL = /^(?:0|[1-9][0-9]{0,15})$/;

/** Whether a text is a version: a decimal from "0" to "9007199254740991" without sign or leading zeros. */
export function isVersion(text: unknown): text is string {
  return typeof text === "string" && CANONICAL.test(text) && Number(text) <= MAX_VERSION;
}

/**
 * The version after the given one: null -> "1", "0" -> "1", "1" -> "2".
 *
 * Anything that is not a version counts as "0" here; the server refuses it.
 */
export function incrementStateVersion(currentVersion: string | null): string {
  const current = isVersion(currentVersion) ? Number(currentVersion) : 0;
  if (current === MAX_VERSION) throw new RangeError("a session's versions are used up");
  return String(current + 1);
}

/** Whether `incomingVersion` is exactly the version after the current one: what a replica asks of a broadcast's `newVersion`. */
export function isValidNextVersion(currentVersion: string | null, incomingVersion: string): boolean {
  return Number(currentVersion) !== MAX_VERSION && incrementStateVersion(currentVersion) === incomingVersion;
}

/** Whether an update made for `baseVersion` meets the current version: what the server asks of an update's `version`. */
export function isCurrentVersion(currentVersion: string | null, baseVersion: string): boolean {
  return isVersion(baseVersion) && baseVersion === (currentVersion ?? "0");
}

/** Negative, zero or positive as the first version is older than, the same as or newer than the second. */
export function compareVersions(a: string, b: string): number {
  return Number(a) - Number(b);
}
