const NUMERAL = /^(?:[IVX]+|[0-9]+)$/;
const SMALL = new Set(["of", "the", "a", "an", "in", "under", "and", "von", "de"]);

/** Two or three letters that tell a name from others beside it: `Drowned Sailor III` is `D III`, `Brannoc Vell` is `BV`. */
export function initials(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== "");
  const last = words.at(-1);
  if (last === undefined) return "?";
  const first = words[0]!.charAt(0).toUpperCase();
  if (words.length > 1 && NUMERAL.test(last)) return `${first}${last.slice(0, 3)}`;
  const great = words.filter((word, index) => index > 0 && !SMALL.has(word.toLowerCase()));
  return great.length === 0 ? words[0]!.slice(0, 2).replace(/^./, (letter) => letter.toUpperCase()) : first + great.at(-1)!.charAt(0).toUpperCase();
}

/** A hue of its own for each id, the same on every screen. */
export function hueOf(id: string): number {
  let hash = 2166136261;
  for (const character of id) hash = Math.imul(hash ^ character.codePointAt(0)!, 16777619);
  return (hash >>> 0) % 360;
}
