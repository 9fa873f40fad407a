import { formatPath, type ErrorBody, type JsonValue, type PathSegment, type StateOperation } from "@stateward/client";

const LONGEST = 80;

/** A value in one line: a scalar as JSON, a container by its name and size. */
export function describe(value: JsonValue): string {
  if (typeof value !== "object" || value === null) return cut(JSON.stringify(value));
  if (Array.isArray(value)) return value.length === 1 ? "1 element" : `${value.length} elements`;
  const label = [value["name"], value["id"]].find((text) => typeof text === "string" && text !== "");
  const keys = Object.keys(value).length;
  return typeof label === "string" ? cut(label) : keys === 1 ? "1 key" : `${keys} keys`;
}

/** A path as the form takes it: text, or the JSON of the array form. */
export function writePath(segments: readonly PathSegment[]): string {
  const path = formatPath(segments);
  return typeof path === "string" ? path : JSON.stringify(path);
}

export function describeOperation({ path, operation, value }: StateOperation): string {
  const place = typeof path === "string" ? path : JSON.stringify(path);
  return operation === "unset" ? `unset ${place}` : `${operation} ${place} ${cut(JSON.stringify(value))}`;
}

/** What was refused, where, and what to do. */
export function describeError({ code, message, details, currentVersion }: ErrorBody): string {
  const reason = details.reason !== undefined && details.reason !== code ? ` (${details.reason})` : "";
  const limit = details.limit === undefined ? "" : ` [limit ${details.limit}, was ${details.actual ?? "more"}]`;
  const version = currentVersion === undefined ? "" : ` The session is at version ${currentVersion}.`;
  return `${code}${reason}: ${message}${limit}${version}`;
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
