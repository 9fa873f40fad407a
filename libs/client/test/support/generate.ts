import type { JsonObject, JsonValue, PathSegment } from "../../src/index.ts";

/** A seeded generator (xoshiro128**): a failing run is repeated by its seed. */
export class Random {
  private readonly s: Uint32Array;

  constructor(seed: number) {
    let x = seed >>> 0;
    // SplitMix32 spreads the seed over the four words.
    this.s = Uint32Array.from({ length: 4 }, () => {
      x = (x + 0x9e3779b9) >>> 0;
      let z = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
      return (z ^ (z >>> 15)) >>> 0;
    });
  }

  /** 32 random bits. */
  bits(): number {
    const s = this.s;
    const rotl = (value: number, by: number) => (value << by) | (value >>> (32 - by));
    const result = Math.imul(rotl(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11);
    return result;
  }

  below(end: number): number {
    return this.bits() % end;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

const view = new DataView(new ArrayBuffer(8));

/** Any finite double: all bit patterns are equally likely, so every exponent is. */
export function anyDouble(random: Random): number {
  for (;;) {
    view.setUint32(0, random.bits());
    view.setUint32(4, random.bits());
    const number = view.getFloat64(0);
    if (Number.isFinite(number)) return number;
  }
}

// Keys and texts that sort, print or behave in ways that readers disagree about.
const KEYS = ["a", "b", "hp", "id", "tags", "10", "9", "0", "01", "a.b", "x[0]", "/", "~", "é", "€", "\u{1f600}", "\ufb33", "\ud7ff", "{id:a}", " ", "\u0001", "toFixed", "name", "nested"];
const TEXTS = ["", "a", "b", "$set", "__proto__", "\0", "\u001f\u2028\"\\/\b", "\u{1f600}\ufb33", "long text ".repeat(12)];
const IDS = ["a", "b", "c", "d", "x.y"];
const NUMBERS = [0, -0, 1, -1, 0.1, 1e21, 1e-7, 5e-324, 1.7976931348623157e308, 2 ** 53, -(2 ** 53), 2 ** 31, 123456789012345680000, 45];

export function anyNumber(random: Random): number {
  switch (random.below(4)) {
    case 0:
      return random.pick(NUMBERS);
    case 1:
      return random.below(200) - 100;
    case 2:
      return (random.below(2_000_000) - 1_000_000) / 1000;
    default:
      return anyDouble(random);
  }
}

export function anyValue(random: Random, depth: number): JsonValue {
  switch (random.below(depth > 0 ? 9 : 6)) {
    case 0:
      return null;
    case 1:
      return random.chance(50);
    case 2:
    case 3:
      return anyNumber(random);
    case 4:
    case 5:
      return random.pick(TEXTS);
    case 6:
      return Array.from({ length: random.below(4) }, () => anyValue(random, depth - 1));
    default:
      return anyObject(random, depth - 1);
  }
}

export function anyObject(random: Random, depth: number): JsonObject {
  const object: JsonObject = {};
  for (let count = random.below(5); count > 0; count--) object[random.pick(KEYS)] = anyValue(random, depth);
  return object;
}

function anyEntity(random: Random): JsonValue {
  if (random.chance(3)) return anyValue(random, 2);
  return { ...anyObject(random, 3), id: random.pick(IDS), hp: random.below(100), tags: Array.from({ length: random.below(4) }, () => random.pick(IDS)) };
}

export function anyState(random: Random): JsonObject {
  const entities = () => Array.from({ length: random.below(5) }, () => anyEntity(random));
  const state: JsonObject = {
    characters: entities(),
    actors: entities(),
    items: entities(),
    currentEncounter: random.chance(40) ? null : { ...anyObject(random, 2), tokens: entities() },
    pluginData: anyObject(random, 4),
  };
  if (random.chance(1)) state[random.pick([...KEYS, "pluginData", "items"])] = anyValue(random, 1);
  return state;
}

/** An operation that mostly fits the state, so that accepted updates and each kind of refusal all come often. */
export function anyOperation(random: Random, state: JsonObject): unknown {
  const segments = anyPath(random, state);
  const target = at(state, segments);
  const suited = Array.isArray(target) ? ["push", "push", "pull", "pull", "set", "unset"] : typeof target === "number" ? ["inc", "inc", "set", "unset"] : target === undefined ? ["set", "set", "unset", "push", "inc", "pull"] : ["set", "set", "unset"];
  const operation = random.chance(97) ? random.pick(suited) : random.pick(["set", "pull", "inc", "push", "pull", "inc", "push", "replace", 5]);
  const fields: Record<string, unknown> = { path: anyForm(random, segments), operation };
  if (operation !== "unset" || random.chance(10)) fields["value"] = operandFor(random, operation, target);
  if (operation === "push" && random.chance(30)) fields["index"] = random.below(5);
  if (operation === "pull" && random.chance(30)) fields["limit"] = random.below(4);
  if (random.chance(1)) fields[random.pick(["path", "operation", "value"])] = undefined;
  if (random.chance(1)) fields[random.pick(["previous", "limit", "index", "extra"])] = random.pick([1, null, "x"]);
  return fields;
}

function operandFor(random: Random, operation: unknown, target: JsonValue | undefined): unknown {
  if (operation === "inc" && random.chance(95)) return anyNumber(random);
  if (operation === "pull" && Array.isArray(target) && target.length > 0 && random.chance(70)) {
    const element = random.pick(target);
    if (typeof element !== "object" || element === null || Array.isArray(element) || random.chance(30)) return element;
    return Object.fromEntries(Object.entries(element).filter(() => random.chance(50)));
  }
  return anyValue(random, random.chance(2) ? 8 : 3);
}

function anyPath(random: Random, state: JsonObject): PathSegment[] {
  const segments: PathSegment[] = [];
  let level: JsonValue | undefined = state;
  while (random.chance(segments.length < 2 ? 98 : 65) || segments.length === 0) {
    if (Array.isArray(level)) {
      const selected: JsonValue | undefined = level.length > 0 ? random.pick(level) : undefined;
      const id = typeof selected === "object" && selected !== null && !Array.isArray(selected) ? selected["id"] : undefined;
      if (typeof id === "string" && id !== "" && random.chance(35)) {
        segments.push({ id });
        level = selected;
        continue;
      }
      const index = random.chance(85) && level.length > 0 ? random.below(level.length) : random.pick([level.length, level.length + 1, 0]);
      segments.push(random.chance(2) ? random.pick(["-", "01", "x", "99999999"]) : String(index));
      level = level[index];
    } else if (typeof level === "object" && level !== null) {
      const keys: string[] = Object.keys(level);
      const key: string = keys.length > 0 && random.chance(80) ? random.pick(keys) : random.pick(KEYS);
      segments.push(random.chance(1) ? random.pick(["", "$x", "__proto__", "constructor", "a\0"]) : key);
      level = Object.hasOwn(level, key) ? level[key] : undefined;
    } else {
      // Below a scalar there is mostly nothing to name; below what is missing there may be.
      if (random.chance(level === undefined ? 60 : 97)) break;
      segments.push(random.chance(90) ? random.pick(KEYS) : { id: random.pick(IDS) });
      level = undefined;
    }
  }
  return segments;
}

function at(state: JsonObject, segments: readonly PathSegment[]): JsonValue | undefined {
  let level: JsonValue | undefined = state;
  for (const segment of segments) {
    if (Array.isArray(level)) {
      const array: JsonValue[] = level;
      level = typeof segment === "string" ? array[Number(segment)] : array.find((element) => (element as JsonObject | null)?.["id"] === segment.id);
    } else if (typeof level === "object" && level !== null && typeof segment === "string" && Object.hasOwn(level, segment)) level = level[segment];
    else return undefined;
  }
  return level;
}

/** The path in one of the forms that can say it, or now and then in one that cannot. */
function anyForm(random: Random, segments: readonly PathSegment[]): unknown {
  const texts = segments.every((segment) => typeof segment === "string");
  const plain = segments.every((segment) => typeof segment !== "string" || !/[.[\]{}]/.test(segment)) && !(typeof segments[0] === "string" && segments[0].startsWith("/"));
  if (random.chance(25) || !(plain || random.chance(5))) {
    return segments.map((segment) => (typeof segment === "string" && /^[0-9]{1,7}$/.test(segment) && random.chance(40) ? Number(segment) : segment));
  }
  if (texts && random.chance(30)) return segments.map((segment) => "/" + segment.replaceAll("~", "~0").replaceAll("/", "~1")).join("");
  return segments
    .map((segment, index) => {
      if (typeof segment !== "string") return (index > 0 ? "." : "") + `{id:${segment.id}}`;
      return /^[0-9]+$/.test(segment) && random.chance(30) ? `[${segment}]` : (index > 0 ? "." : "") + segment;
    })
    .join("");
}
