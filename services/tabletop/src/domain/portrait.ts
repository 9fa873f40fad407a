import { at, text } from "./read.ts";

const OWN_DATA = /^data:image\/(?:png|jpeg|gif|webp|avif|svg\+xml)[;,]/;

/** The address of an entity's picture, if it is one that a page may load whoever wrote it: of this site, by TLS, or the picture itself. */
export function pictureOf(entity: unknown, page: string = location.href): string | undefined {
  const written = text(at(entity, "avatar"));
  if (OWN_DATA.test(written)) return written;
  if (written === "" || !URL.canParse(written, page)) return undefined;
  const { protocol, origin, href } = new URL(written, page);
  return protocol === "https:" || (protocol === "http:" && origin === new URL(page).origin) ? href : undefined;
}

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
