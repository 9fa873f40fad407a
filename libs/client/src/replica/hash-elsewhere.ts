import { generateStateHash } from "../core/hash.ts";
import type { ServerGameState } from "../core/types.ts";

/** Below so many bytes, hashing takes less time than handing the state over. */
const LARGE = 64 * 1024;
/** A worker that does not come up is not waited for longer. */
const WORKER_MS = 15_000;

/**
 * The hash of a state, from scratch: of a large one in a worker, so that the page is not held up, else here. Undefined if it has none.
 *
 * What counts is the state at the time of the call. Where there is no worker, or none may be started, `again` is asked what counts then.
 */
export async function hashElsewhere(state: ServerGameState, bytes: number, again: () => string | undefined): Promise<string | undefined> {
  if (bytes < LARGE || (globalThis as { Worker?: unknown }).Worker === undefined) return hashHere(state);
  try {
    return await inWorker(state);
  } catch {
    return again();
  }
}

export function hashHere(state: ServerGameState): string | undefined {
  try {
    return generateStateHash(state);
  } catch {
    return undefined;
  }
}

function inWorker(state: ServerGameState): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    // This form is what bundlers look for.
    const worker = new Worker(new URL("./hash-worker.js", import.meta.url), { type: "module" });
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      worker.terminate();
      settle();
    };
    const fail = (): void => {
      end(() => {
        reject(new Error("the worker failed"));
      });
    };
    const timer = setTimeout(fail, WORKER_MS);
    worker.onerror = fail;
    worker.onmessage = ({ data }: MessageEvent<string | null>) => {
      end(() => {
        resolve(data ?? undefined);
      });
    };
    try {
      // Copied here and now. What cannot be copied is no JSON.
      worker.postMessage(state);
    } catch {
      fail();
    }
  });
}
