import type { Page } from "playwright-core";

/** What moved though nobody asked for it, from where to where. */
type Shift = string;

interface Watched {
  shifts: { readonly at: number; readonly moved: Shift[] }[];
}

/** From now on, whatever moves on a page is noted. */
export async function watchShifts(page: Page): Promise<void> {
  await page.evaluate(() => {
    interface LayoutShift extends PerformanceEntry {
      readonly sources: readonly { readonly node: Node | null; readonly previousRect: DOMRectReadOnly; readonly currentRect: DOMRectReadOnly }[];
    }
    const watched: Watched = Object.assign(window, { shifts: [] });
    const place = ({ x, y, width, height }: DOMRectReadOnly): string => [x, y, width, height].map(Math.round).join(" ");
    const name = (node: Node | null): string => (node instanceof Element ? `${node.tagName}.${node.className}` : `${node?.parentElement?.className ?? ""}: ${node?.textContent ?? ""}`);
    new PerformanceObserver((list) => {
      for (const { startTime: at, sources } of list.getEntries() as LayoutShift[]) {
        watched.shifts.push({ at, moved: sources.map(({ node, previousRect, currentRect }) => `${name(node)} from ${place(previousRect)} to ${place(currentRect)}`) });
      }
    }).observe({ type: "layout-shift" });
  });
}

/** What moved since. The page is made to move once more, so that what is told includes all before it, and silence means that nothing moved. */
export function shiftsOf(page: Page): Promise<Shift[]> {
  return page.evaluate(async () => {
    const until = performance.now();
    const { shifts } = window as unknown as Watched;
    document.querySelector<HTMLElement>("#app")!.style.paddingTop = "60px";
    for (;;) {
      await new Promise((resolve) => requestAnimationFrame(resolve));
      if (shifts.some(({ at }) => at > until)) return shifts.filter(({ at }) => at <= until).flatMap(({ moved }) => moved);
    }
  });
}
