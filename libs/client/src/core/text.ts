import { checkKey } from "./keys.ts";
import type { JsonArray, JsonObject, JsonValue } from "./json.ts";
import { DEFAULT_LIMITS } from "./limits.ts";
import { placed, Rejection, type RejectionReason } from "./rejection.ts";

const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
/** Where a string ends, or has something that is not itself. Searched for one by one: a pattern for a whole string would need a stack as deep as it is long. */
// eslint-disable-next-line no-control-regex -- raw control characters are what JSON forbids here
const SPECIAL = /["\\\u0000-\u001f]/g;
const SPACE = /[ \t\n\r]*/y;

/**
 * Reads JSON text strictly: what could mean two things to two readers is refused.
 *
 * Refuses duplicate keys, lone surrogates, integers that a double would silently change, and the keys that no state may have.
 */
export function parseJson(text: string, maxDepth: number = DEFAULT_LIMITS.depth): JsonValue {
  return new Reader(text, maxDepth).read();
}

/** The same for a list of operations: a refusal says in which element of the list it was. */
export function parseList(text: string, maxDepth: number): JsonValue {
  const reader = new Reader(text, maxDepth);
  return placed(
    () => ({ operation: reader.element }),
    () => reader.read(),
  );
}

class Reader {
  /** The element of the outermost array that is being read. */
  element: number | undefined;
  private readonly text: string;
  private readonly maxDepth: number;
  private at = 0;

  constructor(text: string, maxDepth: number) {
    this.text = text;
    this.maxDepth = maxDepth;
  }

  read(): JsonValue {
    const value = this.value(0);
    this.element = undefined;
    if (this.at < this.text.length) this.refuse("BAD_JSON", "text follows the value");
    return value;
  }

  /** A value with the white space around it. Recursion ends at the deepest level that is allowed. */
  private value(depth: number): JsonValue {
    this.space();
    const value = this.bare(depth);
    this.space();
    return value;
  }

  private bare(depth: number): JsonValue {
    switch (this.text[this.at]) {
      case "{":
        return this.object(this.enter(depth));
      case "[":
        return this.array(this.enter(depth));
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private enter(depth: number): number {
    if (depth >= this.maxDepth) {
      throw new Rejection("TOO_DEEP", `more than ${this.maxDepth} levels`, { limit: this.maxDepth, actual: depth + 1 });
    }
    this.at++;
    return depth + 1;
  }

  private object(depth: number): JsonObject {
    const object: JsonObject = {};
    this.space();
    if (this.take("}")) return object;
    do {
      this.space();
      if (this.text[this.at] !== '"') this.refuse("BAD_JSON", "a key is expected");
      const key = this.string();
      checkKey(key);
      if (Object.hasOwn(object, key)) this.refuse("DUPLICATE_KEY", "a key stands twice in one object");
      this.space();
      if (!this.take(":")) this.refuse("BAD_JSON", "a colon is expected");
      object[key] = this.value(depth);
    } while (this.take(","));
    if (!this.take("}")) this.refuse("BAD_JSON", "a comma or the end of the object is expected");
    return object;
  }

  private array(depth: number): JsonArray {
    const array: JsonArray = [];
    this.space();
    if (this.take("]")) return array;
    do {
      if (depth === 1) this.element = array.length;
      array.push(this.value(depth));
    } while (this.take(","));
    if (!this.take("]")) this.refuse("BAD_JSON", "a comma or the end of the array is expected");
    return array;
  }

  private string(): string {
    const start = this.at;
    let isEscaped = false;
    for (let end = start + 1; ; end += 2) {
      SPECIAL.lastIndex = end;
      end = SPECIAL.exec(this.text)?.index ?? this.text.length;
      const special = this.text[end];
      if (special === '"') {
        this.at = end + 1;
        break;
      }
      if (special !== "\\") this.refuse("BAD_JSON", "a string is not well formed");
      isEscaped = true;
    }
    const text = isEscaped ? this.unescape(this.text.slice(start, this.at)) : this.text.slice(start + 1, this.at - 1);
    if (!text.isWellFormed()) this.refuse("LONE_SURROGATE", "text has half of a surrogate pair");
    return text;
  }

  private unescape(quoted: string): string {
    try {
      return JSON.parse(quoted) as string;
    } catch {
      this.refuse("BAD_JSON", "a string has an unknown escape");
    }
  }

  private number(): number {
    const match = this.match(NUMBER);
    if (match === null) this.refuse("BAD_JSON", this.at < this.text.length ? "a value is expected" : "the text ends too early");
    const [literal, fraction, exponent] = match;
    const number = Number(literal);
    if (!Number.isFinite(number)) this.refuse("BAD_JSON", "a number is out of range");
    if (number === 0) return 0;
    if (fraction === undefined && exponent === undefined && String(number) !== literal) {
      this.refuse("UNSAFE_NUMBER", "an integer cannot be kept exactly");
    }
    return number;
  }

  private word<T extends JsonValue>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) this.refuse("BAD_JSON", "a value is expected");
    this.at += word.length;
    return value;
  }

  private space(): void {
    this.match(SPACE);
  }

  private take(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at++;
    return true;
  }

  private match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.at;
    const match = pattern.exec(this.text);
    if (match !== null) this.at = pattern.lastIndex;
    return match;
  }

  private refuse(reason: RejectionReason, message: string): never {
    throw new Rejection(reason, `${message} (at character ${this.at})`);
  }
}
