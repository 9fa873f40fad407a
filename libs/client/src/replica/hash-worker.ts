import { generateStateHash } from "../core/hash.ts";

// The other side of `hash-elsewhere.ts`: a state comes, its hash goes, or null if it has none.
globalThis.onmessage = ({ data }: MessageEvent): void => {
  let hash: string | null = null;
  try {
    hash = generateStateHash(data);
  } catch {
    // Not JSON: somebody wrote into it.
  }
  globalThis.postMessage(hash);
};
