import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";

import { launch, screenshot } from "./browser.ts";
import { lay } from "./cable.ts";
import { linkFor, platform, type User } from "./platform.ts";

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
  // Nothing that a page does may end in an error of its own.
  expect(faults.splice(0)).toEqual([]);
});

afterAll(() => browser.close());

interface Look {
  readonly colorScheme?: "dark" | "light";
  readonly width?: number;
  /** Another browser than the one for all. */
  readonly by?: Browser;
}

/** A page of its own, as another person would have it. */
async function open(user: User, { colorScheme = "light", width = 1100, by = browser }: Look = {}): Promise<Page> {
  const context = await by.newContext({ colorScheme, viewport: { width, height: 900 } });
  contexts.push(context);
  const page = await context.newPage();
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(linkFor(up, user));
  return page;
}

/** The same, at the head of the session. */
async function openLive(user: User, look?: Look): Promise<Page> {
  const page = await open(user, look);
  await page.locator('#connection[data-state="live"]').waitFor();
  return page;
}

async function head(page: Page): Promise<{ version: string; hash: string; verified: string }> {
  const text = (id: string) => page.locator(id).innerText();
  return { version: await text("#version"), hash: await text("#hash"), verified: await text("#verified") };
}

async function send(page: Page, operation: string, path: string, value: string): Promise<void> {
  await page.selectOption("[name=operation]", operation);
  await page.fill("[name=path]", path);
  await page.fill("[name=value]", value);
  await page.click("button[type=submit]");
}

/** Waits until a page shows this version. */
async function atVersion(page: Page, version: string): Promise<void> {
  await page.waitForFunction((wanted) => document.getElementById("version")?.textContent === wanted, version);
}

describe("the page", () => {
  it("shows a player the value that the GM sets, at the same version with a verified hash", async () => {
    const gm = await openLive(up.gm);
    const player = await openLive(up.players[0]!, { colorScheme: "dark" });
    const before = await head(gm);
    await player.click('[data-path="characters"]');
    await player.click('[data-path="characters.0"]');
    await player.click('[data-path="characters.0.pluginData"]');
    const value = 100 + (Number(before.version) % 100);
    await send(gm, "set", "characters.0.pluginData.hitPoints", String(value));
    await gm.locator('#answer[data-outcome="done"]').waitFor();

    const after = await head(gm);
    expect(Number(after.version)).toBe(Number(before.version) + 1);
    expect(after.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(after.hash).not.toBe(before.hash);
    expect(after.verified).toBe("✓ verified");
    await atVersion(player, after.version);
    expect(await head(player)).toEqual(after);
    const row = player.locator('[data-path="characters.0.pluginData.hitPoints"]');
    expect(await row.locator(".value").innerText()).toBe(String(value));
    expect(await row.getAttribute("class")).toContain("changed");
    expect(await player.locator("#changes li").first().innerText()).toBe(`${after.version} set characters.0.pluginData.hitPoints ${value}`);
    await screenshot(gm, "gm-light");
    await row.scrollIntoViewIfNeeded();
    await screenshot(player, "player-dark");
  });

  it("lets the GM use every operation, and a player none", async () => {
    const gm = await openLive(up.gm);
    const player = await openLive(up.players[0]!);
    expect(await player.locator("#role").innerText()).toBe("player");
    expect(await player.locator("#update").isVisible()).toBe(false);
    expect(await gm.locator("#role").innerText()).toBe("game master");
    const steps: [string, string, string][] = [
      ["set", "pluginData.browser-test", '{"list":[1,2,2],"count":1}'],
      ["inc", "pluginData.browser-test.count", "41"],
      ["push", "pluginData.browser-test.list", '"x"'],
      ["pull", "pluginData.browser-test.list", "2"],
      ["unset", "pluginData.browser-test.count", ""],
    ];
    for (const [operation, path, value] of steps) {
      const version = String(Number((await head(gm)).version) + 1);
      await send(gm, operation, path, value);
      await atVersion(gm, version);
    }
    await atVersion(player, (await head(gm)).version);
    expect(await head(player)).toEqual(await head(gm));
    await player.click('[data-path="pluginData"]');
    await player.click('[data-path="pluginData.browser-test"]');
    expect(await player.locator('[data-path="pluginData.browser-test.list"] .value').innerText()).toBe("2 elements");
    expect(await player.locator('[data-path="pluginData.browser-test.count"]').count()).toBe(0);
    await send(gm, "unset", "pluginData.browser-test", "");
  });

  it("says what is wrong with an operation, before and after the server has seen it", async () => {
    const gm = await openLive(up.gm);
    const { version } = await head(gm);
    const treeTop = () => gm.locator("#tree").evaluate((tree) => tree.getBoundingClientRect().top);
    const before = await treeTop();
    const refusals: [operation: string, path: string, value: string, message: RegExp][] = [
      ["set", "characters..name", "1", /^FORBIDDEN_KEY: /],
      ["set", "pluginData.x", "{not json", /^BAD_JSON: /],
      ["set", "pluginData.x", "9007199254740993", /^UNSAFE_NUMBER: /],
      ["set", "pluginData.x", "", /^MISSING_VALUE: /],
      ["set", "characters.9999.name", '"x"', /^VALIDATION_ERROR \(INDEX_OUT_OF_RANGE\): /],
      ["set", "somewhere.else", "1", /^VALIDATION_ERROR \(BAD_STRUCTURE\): /],
    ];
    for (const [operation, path, value, message] of refusals) {
      await send(gm, operation, path, value);
      await gm.locator('#answer[data-outcome="refused"]').waitFor();
      expect(await gm.locator("#answer").innerText()).toMatch(message);
      expect(await treeTop()).toBe(before);
      await gm.locator("button[type=submit]:enabled").waitFor();
    }
    expect((await head(gm)).version).toBe(version);
    await screenshot(gm, "gm-refused");
  });

  it("catches up by itself after its connection was cut", async () => {
    const cable = await lay(up.gateway);
    const elsewhere = await launch(cable.via);
    try {
      const gm = await openLive(up.gm);
      const player = await openLive(up.players[1]!, { by: elsewhere });
      const before = await head(player);
      cable.cut();
      await player.locator('#connection:not([data-state="live"])').waitFor();
      const version = String(Number(before.version) + 1);
      await send(gm, "set", "pluginData.browser-test", `{"at":"${version}"}`);
      await atVersion(gm, version);
      expect(await head(player)).toEqual(before);
      cable.mend();
      await atVersion(player, version);
      expect(await head(player)).toEqual(await head(gm));
      await player.locator('#connection[data-state="live"]').waitFor();
    } finally {
      await elsewhere.close();
      cable.remove();
    }
  });

  it("keeps the token out of the address and of the history, and survives a reload", async () => {
    const page = await openLive(up.players[0]!);
    expect(page.url()).toBe(`${up.gateway}/`);
    expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
    await page.reload();
    await page.locator('#connection[data-state="live"]').waitFor();
  });

  it("tells an outsider that the session is not open to them, and a stranger to use a link", async () => {
    const outsider = await open(up.outsider);
    await outsider.locator('#connection[data-state="refused"]').waitFor();
    expect(await outsider.locator("#notice").innerText()).toMatch(/^PERMISSION_DENIED: /);
    expect(await outsider.locator("#tree li").count()).toBe(0);
    const forger = await open({ userId: "x", token: "not.a.token" });
    await forger.locator('#connection[data-state="refused"]').waitFor();
    expect(await forger.locator("#notice").innerText()).toMatch(/^The server refused the connection/);
  });

  it("fits a narrow screen, and nothing on it moves when a change comes", async () => {
    const gm = await openLive(up.gm);
    const player = await openLive(up.players[0]!, { width: 360, colorScheme: "dark" });
    const place = () => player.evaluate(() => [...document.querySelectorAll("header, main > *, #tree > li")].map((each) => JSON.stringify(each.getBoundingClientRect())));
    const before = await place();
    const version = String(Number((await head(gm)).version) + 1);
    await send(gm, "set", "pluginData.browser-test", JSON.stringify("a long text ".repeat(30)));
    await atVersion(player, version);
    expect(await place()).toEqual(before);
    expect(await player.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await screenshot(player, "player-360-dark");
    await screenshot(await openLive(up.gm, { width: 360 }), "gm-360-light");
  });
});
