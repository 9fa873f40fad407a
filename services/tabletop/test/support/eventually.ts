import { vi } from "vitest";

/** Waits for what comes by itself: long enough for a machine that is busy with other things. */
export function eventually(check: () => void): Promise<void> {
  return vi.waitFor(check, { timeout: 30_000, interval: 5 });
}
