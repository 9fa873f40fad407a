import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";

import { screenshot } from "./support/browser.ts";
import { contrastOf } from "./support/contrast.ts";
import { ownSession } from "./support/session.ts";
import { shiftsOf, watchShifts } from "./support/shift.ts";
import { atVersion, inspect, notice, onSquare, seats, send, squareOf, token, versionOf } from "./support/table.ts";

const { up, open, openLive } = seats();

/** The middle of a token on the screen, and how wide a square is there. */
async function middleOf(page: Page, id: string): Promise<{ x: number; y: number; width: number }> {
  const { x, y, width, height } = (await token(page, id).boundingBox())!;
  return { x: x + width / 2, y: y + height / 2, width };
}

it("shows everybody a token on its way before it is let go, and takes the whole way back at once", async () => {
  const own = await ownSession(up, "A walk");
  const gm = await openLive(up.gm, { at: own, width: 1440 });
  const player = await openLive(up.players[0]!, { at: own });
  await token(gm, "token-brannoc").waitFor({ state: "attached" });
  const from = await squareOf(gm, "token-brannoc");
  const { x, y, width } = await middleOf(gm, "token-brannoc");
  await gm.mouse.move(x, y);
  await gm.mouse.down();
  for (const columns of [1, 2, 3]) {
    await gm.mouse.move(x + columns * width, y, { steps: 5 });
    await onSquare(player, "token-brannoc", { x: from.x + columns, y: from.y });
  }
  await screenshot(player, "dragged-player-light");
  await gm.mouse.up();
  await onSquare(gm, "token-brannoc", { x: from.x + 3, y: from.y });
  expect(Number(await versionOf(gm))).toBeGreaterThanOrEqual(3);
  await gm.getByRole("button", { name: "Undo" }).click();
  for (const page of [gm, player]) await onSquare(page, "token-brannoc", from);
});

describe.each(["light", "dark"] as const)("in the %s theme", (colorScheme) => {
  it("keeps text apart from its ground, as WCAG AA wants it, wherever one looks", async () => {
    const gm = await openLive(up.gm, { colorScheme, width: 1440 });
    await token(gm, "token-brannoc").waitFor({ state: "attached" });
    const looked = async (what: string): Promise<void> => {
      const contrast = await contrastOf(gm);
      expect(contrast.looked, what).toBeGreaterThan(20);
      expect(contrast.faint, what).toEqual([]);
    };
    await looked("turns and chat");
    await gm.click('[data-view="detail"]');
    await looked("details");
    await screenshot(gm, `encounter-detail-${colorScheme}`);
    await gm.click('[data-view="tokens"]');
    await looked("tokens");
    await gm.getByRole("button", { name: "End", exact: true }).click();
    await looked("a question");
    await gm.keyboard.press("Escape");
    for (const list of ["characters", "actors", "items"]) {
      await gm.click(`[data-tab="${list}"]`);
      await looked(list);
    }
    await gm.click('[data-tab="characters"]');
    await gm.click('[data-entity$="tamsin"]');
    for (const part of await gm.locator('[data-sheet] [role="tab"]').all()) {
      await part.click();
      await looked(`the sheet's ${await part.innerText()}`);
    }
    await screenshot(gm, `sheet-features-${colorScheme}`);
    for (const part of ["sync", "state"] as const) {
      await inspect(gm, part);
      await looked(`the inspector's ${part}`);
      await screenshot(gm, `inspector-${part}-${colorScheme}`);
    }
  });
});

it("keeps text apart from its ground on a phone, and before one has a seat", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const phone = await openLive(up.players[0]!, { colorScheme, width: 360, height: 720, touch: true });
    await token(phone, "token-brannoc").waitFor({ state: "attached" });
    for (const place of ["encounter", "sheet", "chat"]) {
      await phone.tap(`[data-nav="${place}"]`);
      const { looked, faint } = await contrastOf(phone);
      expect(looked, place).toBeGreaterThan(10);
      expect(faint, place).toEqual([]);
    }
    const stranger = await open({ userId: "x", token: "not.a.token" }, { colorScheme });
    await stranger.getByRole("button", { name: "Use another link" }).click();
    await stranger.fill("[name=link]", "nothing");
    await stranger.getByRole("button", { name: "Join the session" }).click();
    await stranger.getByRole("alert").waitFor();
    expect((await contrastOf(stranger)).faint).toEqual([]);
  }
});

it("is dark or light as one chooses, and stays so", async () => {
  const page = await openLive(up.players[1]!, { colorScheme: "light" });
  const ground = (): Promise<string> => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.click('[aria-label="Dark or light"]');
  expect(await page.evaluate(() => getComputedStyle(document.documentElement).colorScheme)).toBe("dark");
  const dark = await ground();
  expect(dark).not.toBe(light);
  await page.reload();
  expect(await ground()).toBe(dark);
});

it("comes nearer under two fingers, and keeps what is between them there", async () => {
  const phone = await openLive(up.players[0]!, { width: 390, height: 780, touch: true });
  await token(phone, "token-brannoc").waitFor({ state: "attached" });
  const before = await middleOf(phone, "token-brannoc");
  const devtools = await phone.context().newCDPSession(phone);
  const fingers = (type: "touchStart" | "touchMove", apart: number): Promise<unknown> =>
    devtools.send("Input.dispatchTouchEvent", { type, touchPoints: [-1, 1].map((side, id) => ({ x: before.x + side * apart, y: before.y, id })) });
  await fingers("touchStart", 30);
  for (const apart of [36, 42, 48, 54, 60]) await fingers("touchMove", apart);
  await devtools.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await expect.poll(() => middleOf(phone, "token-brannoc").then(({ width }) => width)).toBeGreaterThan(before.width * 1.5);
  const after = await middleOf(phone, "token-brannoc");
  expect(Math.abs(after.x - before.x)).toBeLessThan(before.width);
  expect(Math.abs(after.y - before.y)).toBeLessThan(before.width);
});

it("is looked over by keyboard: the arrows move the map, and a token that has the focus is on the screen", async () => {
  const gm = await openLive(up.gm);
  await token(gm, "token-brannoc").waitFor({ state: "attached" });
  const map = gm.getByRole("group", { name: /^Map:/ });
  const before = await middleOf(gm, "token-brannoc");
  await map.focus();
  await gm.keyboard.press("ArrowRight");
  await expect.poll(() => middleOf(gm, "token-brannoc").then(({ x }) => x)).toBeLessThan(before.x);
  for (let times = 0; times < 6; times++) await gm.keyboard.press("+");
  await expect.poll(() => middleOf(gm, "token-brannoc").then(({ width }) => width)).toBeGreaterThan(before.width * 2);
  const area = (await map.boundingBox())!;
  for (const id of ["token-sedge", "token-jask"]) {
    await token(gm, id).focus();
    await expect
      .poll(async () => {
        const { x, y, width } = await middleOf(gm, id);
        return x - width / 2 >= area.x && x + width / 2 <= area.x + area.width && y - width / 2 >= area.y && y + width / 2 <= area.y + area.height;
      })
      .toBe(true);
  }
});

it("is left for good: the device keeps neither the link nor anything of the session", async () => {
  const page = await openLive(up.players[2]!);
  const kept = () =>
    page.evaluate(async () => {
      const database = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open("stateward");
        request.onsuccess = () => {
          resolve(request.result);
        };
        request.onerror = () => {
          reject(request.error!);
        };
      });
      const states = await new Promise<number>((resolve) => {
        const count = database.transaction("states").objectStore("states").count();
        count.onsuccess = () => {
          resolve(count.result);
        };
      });
      database.close();
      return { states, ids: Object.keys(localStorage), link: Object.keys(sessionStorage) };
    });
  await page.evaluate(() => {
    dispatchEvent(new Event("pagehide"));
  });
  await expect.poll(() => kept().then(({ states }) => states)).toBe(1);
  await inspect(page, "sync");
  await page.getByRole("button", { name: "Leave the table" }).click();
  await page.click('[data-confirm="leave"]');
  await page.getByRole("heading", { name: "Take your seat" }).waitFor();
  expect(await kept()).toEqual({ states: 0, ids: [], link: [] });
  await page.reload();
  await page.getByRole("heading", { name: "Take your seat" }).waitFor();
});

it("begins a session that was scheduled when its game master says so, and everybody is told", async () => {
  const own = await ownSession(up, "Next Tuesday", [], Date.now() + 3_600_000);
  const gm = await openLive(up.gm, { at: own, width: 1440 });
  const player = await openLive(up.players[0]!, { at: own });
  await player.getByText("The session has not begun yet").waitFor();
  await screenshot(player, "session-scheduled");
  const told = notice(player, "The session begins");
  await gm.getByRole("button", { name: "Start" }).click();
  for (const page of [gm, player]) await page.locator('#session-status[data-status="active"]').waitFor();
  await told;
});

it("says that the game master is gone, and that they are back", async () => {
  const own = await ownSession(up, "An absence");
  const player = await openLive(up.players[0]!, { at: own });
  const gm = await openLive(up.gm, { at: own });
  await player.locator(`[data-user="${up.gm.userId}"][data-here="true"]`).waitFor();
  const gone = notice(player, "The game master lost the connection");
  await gm.context().close();
  await gone;
  await screenshot(player, "game-master-lost");
  const back = notice(player, "The game master is back");
  await openLive(up.gm, { at: own });
  await back;
});

it("says that the game master's page is still though it is connected, and that it answers again", async () => {
  const own = await ownSession(up, "A silence");
  const player = await openLive(up.players[0]!, { at: own });
  const gm = await openLive(up.gm, { at: own });
  await player.locator(`[data-user="${up.gm.userId}"][data-here="true"]`).waitFor();
  const devtools = await gm.context().newCDPSession(gm);
  await devtools.send("Debugger.enable");
  // A page that hangs: its socket is open, and its program stands from its next step on.
  const still = notice(player, "The game master does not answer");
  await devtools.send("Debugger.pause");
  await still;
  await player.getByText("Waiting for the game master").waitFor();
  expect(await player.locator(`[data-user="${up.gm.userId}"]`).getAttribute("data-here")).toBe("true");
  expect(await player.locator(`[data-user="${up.gm.userId}"]`).innerText()).toContain("does not answer");
  await screenshot(player, "game-master-silent");
  const back = notice(player, "The game master is back");
  await devtools.send("Debugger.resume");
  await devtools.send("Debugger.disable");
  await back;
  await player.getByText("Waiting for the game master").waitFor({ state: "detached" });
});

it("moves nothing on a player's screen that did not move at the table", async () => {
  const own = await ownSession(up, "A steady screen");
  const gm = await openLive(up.gm, { at: own, width: 1440 });
  const player = await openLive(up.players[0]!, { at: own, width: 1440 });
  await gm.click('[data-tab="characters"]');
  await gm.click('[data-entity$="brannoc"]');
  await player.click('[data-tab="sheet"]');
  await player.locator("[data-sheet]").waitFor();
  await inspect(player, "sync");
  await player.locator("#hash").waitFor();
  await watchShifts(player);

  const from = await squareOf(gm, "token-brannoc");
  await token(gm, "token-brannoc").focus();
  for (const key of ["ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"]) await gm.keyboard.press(key);
  await onSquare(player, "token-brannoc", { x: from.x + 1, y: from.y + 1 });
  // Enough of them for a figure to grow by a digit.
  for (const act of Array.from({ length: 12 }, (_, n) => (n % 2 === 0 ? "damage" : "heal"))) {
    const before = await versionOf(gm);
    await gm.fill("[name=amount]", "12");
    await gm.click(`[data-act="${act}"]`);
    await atVersion(gm, String(Number(before) + 1));
  }
  await atVersion(player, await versionOf(gm));
  expect(await shiftsOf(player)).toEqual([]);
});

it("shows the picture that a character has, and initials where none may or can be loaded", async () => {
  const own = await ownSession(up, "Faces");
  const gm = await openLive(up.gm, { at: own });
  const player = await openLive(up.players[0]!, { at: own });
  await player.click('[data-tab="characters"]');
  const portrait = player.locator('[data-entity$="brannoc"] .portrait');
  const wear = async (avatar: string): Promise<void> => {
    const version = String(Number(await versionOf(gm)) + 1);
    await send(gm, "set", "characters.0.avatar", JSON.stringify(avatar));
    await atVersion(player, version);
  };
  /** Waits until the middle of the token on the canvas is of this colour, or is not. */
  const green = (isGreen: boolean) =>
    player.waitForFunction((wanted) => {
      const canvas = [...document.querySelectorAll<HTMLCanvasElement>(".canvas canvas")].at(-1);
      const box = document.querySelector('[data-token="token-brannoc"]')?.getBoundingClientRect();
      if (canvas === undefined || box === undefined) return false;
      const at = canvas.getBoundingClientRect();
      const scale = canvas.width / at.width;
      const [red, greenest, blue] = canvas.getContext("2d")!.getImageData((box.x + box.width / 2 - at.x) * scale, (box.y + box.height / 2 - at.y) * scale, 1, 1).data;
      return (red! < 20 && greenest! > 235 && blue! < 20) === wanted;
    }, isGreen);

  const picture = '<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64"><rect width="64" height="64" fill="#0f0"/></svg>';
  await wear(`data:image/svg+xml,${encodeURIComponent(picture)}`);
  await portrait.locator("img").waitFor();
  expect(await portrait.innerText()).toBe("");
  await green(true);
  await wear("/portraits/nobody.webp");
  await portrait.getByText("BV").waitFor();
  await portrait.locator("img").waitFor({ state: "detached" });
  await green(false);
  for (const unsafe of ["http://pictures.example/a.png", "javascript:alert(1)"]) {
    await wear(unsafe);
    expect(await portrait.innerText()).toBe("BV");
    expect(await portrait.locator("img").count()).toBe(0);
  }
});
