/** Half of what a frame of a screen that is drawn 60 times a second has room for. */
const AT_ONCE_MS = 8;

/** Does long work in pieces, so that a page that is seen goes on being drawn. Gives up, without a result, when it became stale in a pause. */
export async function withPauses<T>(work: Generator<undefined, T>, isStale: () => boolean = () => false): Promise<T | undefined> {
  let until = performance.now() + AT_ONCE_MS;
  for (;;) {
    const { done, value } = work.next();
    if (done === true) return value;
    // Timers of a page that is not seen hardly run, and nobody waits for it to be drawn.
    if (performance.now() < until || (globalThis as { document?: Document }).document?.visibilityState === "hidden") continue;
    await new Promise((resolve) => setTimeout(resolve));
    if (isStale()) return undefined;
    until = performance.now() + AT_ONCE_MS;
  }
}
