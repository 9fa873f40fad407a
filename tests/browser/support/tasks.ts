import type { Page } from "playwright-core";

/** The longest tasks of a page's thread: by what passed on the clock meanwhile, and by what the thread itself worked. On a crowded machine they are far apart. */
export interface LongestTask {
  readonly clockMs: number;
  readonly workMs: number;
}

/** Of Chromium's trace events, in microseconds. */
interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

const MAIN_THREAD = "CrRendererMain";
const TASK = "ThreadControllerImpl::RunTask";

/** Watches the tasks of a browser's only page. Gives the function that ends it and tells. */
export async function watchTasks(page: Page): Promise<() => Promise<LongestTask>> {
  const browser = page.context().browser()!;
  await browser.startTracing(page, { categories: ["toplevel"] });
  return async () => {
    const { traceEvents: events } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
    const threadOf = ({ pid, tid }: TraceEvent): string => `${pid}:${tid}`;
    const main = new Set(events.filter(({ name, args }) => name === "thread_name" && args?.name === MAIN_THREAD).map(threadOf));
    const tasks = events.filter((event) => event.ph === "X" && event.name === TASK && main.has(threadOf(event)));
    if (tasks.length === 0) throw new Error("the trace has no task of the page");
    const longest = (of: "dur" | "tdur"): number => Math.round(Math.max(...tasks.map((task) => task[of] ?? 0)) / 1000);
    return { clockMs: longest("dur"), workMs: longest("tdur") };
  };
}
