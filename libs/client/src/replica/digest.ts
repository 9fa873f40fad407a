import { encodeUtf8 } from "../core/canonical.ts";
import { sha256Hex } from "../core/hash.ts";

/** Below this, hashing takes less time than handing it over. */
const LARGE = 64 * 1024;

/** The hash of a canonical form: of a large one by the browser's own implementation, which does not hold the page up. */
export async function digest(text: string): Promise<string> {
  // Outside secure contexts a browser has none. Its type says otherwise.
  const subtle = (globalThis.crypto as Partial<Crypto> | undefined)?.subtle;
  if (text.length < LARGE || subtle === undefined) return sha256Hex(text);
  const bytes = new Uint8Array(await subtle.digest("SHA-256", encodeUtf8(text) as Uint8Array<ArrayBuffer>));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
