/** Reading what anybody may have written into the state: what is not of the kind that is looked for counts as missing. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function at(value: unknown, ...keys: readonly string[]): unknown {
  return keys.reduce<unknown>((level, key) => (isRecord(level) && Object.hasOwn(level, key) ? level[key] : undefined), value);
}

export function text(value: unknown, otherwise = ""): string {
  return typeof value === "string" ? value : otherwise;
}

export function number(value: unknown, otherwise = 0): number {
  return typeof value === "number" && Number.isFinite(value) ? value : otherwise;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}

export function words(value: unknown): string[] {
  return list(value).filter((word): word is string => typeof word === "string");
}

export function idOf(entity: unknown): string {
  return text(at(entity, "id"));
}

export function nameOf(entity: unknown, otherwise = "Unnamed"): string {
  return text(at(entity, "name"), otherwise);
}

/** `sleightOfHand` as people write it: `Sleight of hand`. */
export function spaced(key: string): string {
  const apart = key.replaceAll(/([a-z])([A-Z])/g, "$1 $2").replaceAll("-", " ").toLowerCase();
  return apart.charAt(0).toUpperCase() + apart.slice(1);
}

export function signed(value: number): string {
  return value < 0 ? `−${-value}` : `+${value}`;
}
