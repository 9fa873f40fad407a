import { canonicalize, encodeUtf8 } from "./canonical.ts";
import { Sha256 } from "./sha256.ts";

/**
 * The hash of a state: SHA-256 over its RFC 8785 form, in lowercase hexadecimal.
 *
 * Computed from scratch; `StateHasher` computes the same at the cost of what changed.
 */
export function generateStateHash(gameState: unknown): string {
  return sha256Hex(canonicalize(gameState));
}

/** Whether a state has the expected hash. Never throws: what cannot be hashed has no hash. */
export function validateStateIntegrity(gameState: unknown, expectedHash: unknown): boolean {
  try {
    return generateStateHash(gameState) === expectedHash;
  } catch {
    return false;
  }
}

export function sha256Hex(text: string): string {
  return new Sha256().update(encodeUtf8(text)).hex();
}
