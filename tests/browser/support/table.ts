import type { Browser, BrowserContext, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, expect } from "vitest";

import { launch } from "./browser.ts";
import { PATIENCE } from "./patience.ts";
import { linkFor, platform, type Platform, type User } from "./platform.ts";

export interface Look {
  readonly colorScheme?: "dark" | "light";
  readonly width?: number;
  readonly height?: number;
  readonly touch?: boolean;
  /** Another browser than the one for all. */
  readonly by?: Browser;
  /** Another session than the demo's. */
  readonly at?: Platform;
}

/** What a person sees: a browser context of its own, with the page in it. */
export interface Seats {
  readonly up: Platform;
  /** A page of its own, as another person would have it. */
  readonly open: (user: User, look?: Look) => Promise<Page>;
  /** The same, at the head of the session. */
  readonly openLive: (user: User, look?: Look) => Promise<Page>;
}

/** One browser for a file of tests; pages are closed after each, and none may have ended in an error of its own. */
export function seats(): Seats {
  const up = platform();
  let browser: Browser;
  let contexts: BrowserContext[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
    expect(faults.splice(0)).toEqual([]);
  });
  afterAll(() => browser.close());

  async function open(user: User, { colorScheme = "light", width = 1280, height = 860, touch = false, by = browser, at = up }: Look = {}): Promise<Page> {
    const context = await by.newContext({ colorScheme, viewport: { width, height }, hasTouch: touch, isMobile: touch });
    contexts.push(context);
    context.setDefaultTimeout(PATIENCE);
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(error.message));
    await page.goto(linkFor(at, user));
    return page;
  }

  return {
    up,
    open,
    openLive: async (user, look) => {
      const page = await open(user, look);
      await live(page);
      return page;
    },
  };
}

export async function live(page: Page): Promise<void> {
  await page.locator('#connection[data-state="live"]').waitFor();
}

/** A notice stands for some seconds only: it is waited for from before what brings it about. */
export function notice(page: Page, title: string): Promise<void> {
  return page.locator(".toast", { hasText: title }).first().waitFor();
}

export function versionOf(page: Page): Promise<string> {
  return page.locator("#version").innerText();
}

/** Waits until a page shows this version. */
export async function atVersion(page: Page, version: string): Promise<void> {
  await page.waitForFunction((wanted) => document.getElementById("version")?.textContent === wanted, version);
}

/** Opens the inspector on one of its parts. */
export async function inspect(page: Page, part: "sync" | "state"): Promise<void> {
  if ((await page.locator("#connection").getAttribute("aria-expanded")) !== "true") await page.click("#connection");
  await page.click(`[aria-label="Parts of the inspector"] [data-tab="${part}"]`);
}

export async function closeInspector(page: Page): Promise<void> {
  await page.click('[aria-label="Close the inspector"]');
}

/** Version, hash and verdict, as the inspector has them. */
export async function head(page: Page): Promise<{ version: string; hash: string; verified: string }> {
  await inspect(page, "sync");
  const text = (id: string): Promise<string> => page.locator(id).innerText();
  return { version: await text("#version"), hash: await text("#hash"), verified: await text("#verified") };
}

/** Sends one operation by the inspector's form. */
export async function send(page: Page, operation: string, path: string, value: string): Promise<void> {
  await inspect(page, "state");
  await page.selectOption("[name=operation]", operation);
  await page.fill("[name=path]", path);
  await page.fill("[name=value]", value);
  await page.click("#update button[type=submit]");
}

/** A token, by its accessible twin over the canvas. */
export function token(page: Page, id: string): Locator {
  return page.locator(`[data-token="${id}"]`);
}

export async function squareOf(page: Page, id: string): Promise<{ x: number; y: number }> {
  const one = token(page, id);
  return { x: Number(await one.getAttribute("data-x")), y: Number(await one.getAttribute("data-y")) };
}

/** Waits until a page has a token on a square, and the server has confirmed it. */
export async function onSquare(page: Page, id: string, { x, y }: { x: number; y: number }): Promise<void> {
  await page.locator(`[data-token="${id}"][data-x="${x}"][data-y="${y}"][data-pending="false"]`).waitFor({ state: "attached" });
}

/** Drags a token with the mouse by so many squares. */
export async function drag(page: Page, id: string, columns: number, rows: number): Promise<void> {
  const box = (await token(page, id).boundingBox())!;
  const from = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + (columns * box.width) / 2, from.y + (rows * box.height) / 2, { steps: 4 });
  await page.mouse.move(from.x + columns * box.width, from.y + rows * box.height, { steps: 4 });
  await page.mouse.up();
}
