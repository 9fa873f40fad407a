import type { Page } from "playwright-core";
import { describe, expect, it } from "vitest";

import { screenshot } from "./support/browser.ts";
import { listenerOf } from "./support/process.ts";
import { ownSession } from "./support/session.ts";
import { atVersion, drag, live, notice, onSquare, seats, send, squareOf, token, versionOf } from "./support/table.ts";

const { up, openLive } = seats();

/** Waits until all pages show the same version with a verified hash. */
async function agree(...pages: Page[]): Promise<void> {
  const version = await versionOf(pages[0]!);
  for (const page of pages) {
    await atVersion(page, version);
    expect(await page.locator("#connection .version").getAttribute("data-verified")).toBe("true");
  }
}

describe("a table of a game master and three players", () => {
  it("shows a token that the game master drags on every screen, and hidden ones on none but theirs", async () => {
    const gm = await openLive(up.gm, { colorScheme: "dark" });
    const players = await Promise.all(up.players.slice(0, 3).map((player) => openLive(player)));
    await token(gm, "token-brannoc").waitFor({ state: "attached" });
    const from = await squareOf(gm, "token-brannoc");
    const columns = from.x > 12 ? -2 : 2;
    await drag(gm, "token-brannoc", columns, 1);
    const to = { x: from.x + columns, y: from.y + 1 };
    for (const page of [gm, ...players]) await onSquare(page, "token-brannoc", to);
    await agree(gm, ...players);
    await drag(gm, "token-brannoc", -columns, -1);
    for (const page of [gm, ...players]) await onSquare(page, "token-brannoc", from);

    expect(await token(gm, "token-sedge").getAttribute("aria-label")).toContain("hidden from players");
    for (const page of players) expect(await token(page, "token-sedge").count()).toBe(0);
    expect(await token(players[0]!, "token-morrow").getAttribute("aria-label")).not.toContain("hit points");
    await screenshot(gm, "table-gm-dark");
    await screenshot(players[0]!, "table-player-light");
  });

  it("does not let a player move a token", async () => {
    const player = await openLive(up.players[0]!);
    await token(player, "token-brannoc").waitFor({ state: "attached" });
    const [from, version] = [await squareOf(player, "token-brannoc"), await versionOf(player)];
    await drag(player, "token-brannoc", 2, 0);
    await token(player, "token-brannoc").focus();
    await player.keyboard.press("ArrowRight");
    expect(await squareOf(player, "token-brannoc")).toEqual(from);
    expect(await versionOf(player)).toBe(version);
  });

  it("is played by keyboard: a token walks by the arrow keys, and its sheet opens", async () => {
    const gm = await openLive(up.gm);
    await token(gm, "token-tamsin").waitFor({ state: "attached" });
    const from = await squareOf(gm, "token-tamsin");
    await token(gm, "token-tamsin").focus();
    for (const key of ["ArrowRight", "ArrowRight", "ArrowUp"]) await gm.keyboard.press(key);
    await onSquare(gm, "token-tamsin", { x: from.x + 2, y: from.y - 1 });
    for (const key of ["ArrowLeft", "ArrowLeft", "ArrowDown"]) await gm.keyboard.press(key);
    await onSquare(gm, "token-tamsin", from);
    await gm.keyboard.press("Enter");
    await gm.locator('[data-sheet="char-tamsin"]').waitFor();
    await gm.locator('[data-tab="sheet"]').focus();
    await gm.keyboard.press("ArrowLeft");
    expect(await gm.locator('[data-tab="chat"]').getAttribute("aria-selected")).toBe("true");
  });

  it("goes from turn to turn and back, the same on all screens", async () => {
    const gm = await openLive(up.gm);
    const player = await openLive(up.players[1]!);
    const current = (page: Page): Promise<string | null> => page.locator('[data-turn][aria-current="step"]').first().getAttribute("data-turn");
    const before = await current(gm);
    await gm.click('[data-act="next-turn"]');
    await gm.waitForFunction((old) => document.querySelector('[data-turn][aria-current="step"]')?.getAttribute("data-turn") !== old, before);
    await agree(gm, player);
    expect(await current(player)).toBe(await current(gm));
    await gm.getByRole("button", { name: "Turn back" }).click();
    await gm.locator(`[data-turn="${before!}"][aria-current="step"]`).waitFor();
  });

  it("takes damage, heals and carries conditions by the rules, and players see it", async () => {
    const gm = await openLive(up.gm);
    const player = await openLive(up.players[0]!, { colorScheme: "dark" });
    await gm.click('[data-tab="characters"]');
    await gm.click('[data-entity="char-brannoc"]');
    await player.click('[data-tab="sheet"]');
    const points = (page: Page): Promise<number> => page.locator('[data-sheet="char-brannoc"] [data-field="hit-points"]').innerText().then(Number);
    const before = await points(gm);
    await gm.fill("[name=amount]", "7");
    await gm.click('[data-act="damage"]');
    await player.waitForFunction((wanted) => document.querySelector('[data-field="hit-points"]')?.textContent === String(wanted), before - 7);
    await gm.selectOption("[name=condition]", "prone");
    await player.locator('[data-condition="prone"]').waitFor();
    expect(await player.locator("[name=amount]").count()).toBe(0);
    await screenshot(player, "sheet-player-dark");
    await screenshot(gm, "sheet-gm-light");
    await gm.getByRole("button", { name: "Remove prone" }).click();
    await gm.fill("[name=amount]", "7");
    await gm.click('[data-act="heal"]');
    await player.waitForFunction((wanted) => document.querySelector('[data-field="hit-points"]')?.textContent === String(wanted), before);
    await player.locator('[data-condition="prone"]').waitFor({ state: "detached" });
    await agree(gm, player);
  });

  it("finds actors and items by any of their words", async () => {
    const gm = await openLive(up.gm);
    await gm.click('[data-tab="actors"]');
    await gm.fill("[name=search]", "undead DROWNED iii");
    expect(await gm.locator("[data-entity]").count()).toBe(1);
    await gm.click('[data-tab="items"]');
    await gm.fill("[name=search]", "scroll");
    expect(await gm.locator("[data-item]").count()).toBeGreaterThan(1);
    await gm.fill("[name=search]", "no such thing");
    await gm.getByText("Nothing found").waitFor();
  });

  it("carries chat and dice to whom they are for: all, the game master, or oneself", async () => {
    const gm = await openLive(up.gm);
    const [anna, bela] = [await openLive(up.players[0]!), await openLive(up.players[1]!)];
    const said = `I listen at the door (${Date.now()})`;
    const say = async (page: Page, to: string, message: string): Promise<void> => {
      await page.selectOption("[name=recipient]", to);
      await page.fill("[name=message]", message);
      await page.keyboard.press("Enter");
    };
    await say(anna, "session", said);
    for (const page of [gm, anna, bela]) await page.getByText(said).waitFor();
    const secret = `I pocket the pearl (${Date.now()})`;
    await say(anna, "gm", secret);
    for (const page of [gm, anna]) await page.getByText(secret).waitFor();

    const rolls = (page: Page, reason: string) => page.locator("[data-total]", { hasText: reason });
    const mark = String(Date.now());
    await say(anna, "session", `/r 2d6+3 # open ${mark}`);
    for (const page of [gm, anna, bela]) await rolls(page, `open ${mark}`).waitFor();
    await say(anna, "session", `/gr 1d20 # quiet ${mark}`);
    for (const page of [gm, anna]) await rolls(page, `quiet ${mark}`).waitFor();
    await say(anna, "session", `/pr 1d20 # alone ${mark}`);
    await rolls(anna, `alone ${mark}`).waitFor();
    // What comes after has come: what was not for them would have come before.
    await say(anna, "session", `over ${mark}`);
    for (const page of [gm, bela]) await page.getByText(`over ${mark}`).waitFor();
    expect(await bela.getByText(secret).count()).toBe(0);
    expect(await rolls(bela, `quiet ${mark}`).count()).toBe(0);
    expect(await rolls(gm, `alone ${mark}`).count()).toBe(0);
    expect(Number(await rolls(bela, `open ${mark}`).getAttribute("data-total"))).toBe(Number(await rolls(anna, `open ${mark}`).getAttribute("data-total")));

    await say(anna, "session", "/r 2d");
    await anna.getByText("Those dice are not understood").waitFor();
    expect(await anna.inputValue("[name=message]")).toBe("/r 2d");
    await screenshot(anna, "chat-player-light");
  });

  it("shows who is here, also to one who comes last", async () => {
    const gm = await openLive(up.gm);
    const anna = await openLive(up.players[0]!);
    const here = (page: Page, { userId }: { userId: string }, isHere: boolean) => page.locator(`[data-user="${userId}"][data-here="${isHere}"]`).waitFor();
    await here(gm, up.players[0]!, true);
    await here(anna, up.gm, true);
    await anna.context().close();
    await here(gm, up.players[0]!, false);
  });
});

describe("a phone", () => {
  it("has room for everything at 360 pixels, and nothing on it moves when a change comes", async () => {
    const gm = await openLive(up.gm);
    const phone = await openLive(up.players[0]!, { width: 360, height: 720, touch: true, colorScheme: "dark" });
    await token(phone, "token-brannoc").waitFor({ state: "attached" });
    for (const place of ["map", "encounter", "characters", "sheet", "chat"]) {
      await phone.tap(`[data-nav="${place}"]`);
      expect(await phone.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await screenshot(phone, `phone-${place}`);
    }
    await phone.locator(`[data-user="${up.gm.userId}"][data-here="true"]`).waitFor();
    await phone.tap('[data-nav="encounter"]');
    const place = () =>
      phone.evaluate(() => [...document.querySelectorAll("header *, main > *, nav *, [data-turn] *")].map((each) => JSON.stringify(each.getBoundingClientRect())));
    const before = await place();
    const version = String(Number(await versionOf(gm)) + 1);
    await send(gm, "set", "pluginData.browser-test", JSON.stringify("a long text ".repeat(30)));
    await atVersion(phone, version);
    expect(await place()).toEqual(before);
    await phone.tap("#connection");
    await phone.getByRole("heading", { name: "Inspector" }).waitFor();
    await screenshot(phone, "phone-inspector");
    const small = await openLive(up.gm, { width: 360, height: 720, touch: true });
    expect(await small.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    await screenshot(small, "phone-gm-light");
  });
});

describe("the session", () => {
  it("is paused, resumed and ended by the game master, and everybody is told", async () => {
    const own = await ownSession(up, "A short evening");
    const gm = await openLive(up.gm, { at: own, width: 1440 });
    const [anna, bela] = [await openLive(up.players[0]!, { at: own, width: 1440 }), await openLive(up.players[1]!, { at: own })];
    const status = (page: Page, wanted: string) => page.locator(`#session-status[data-status="${wanted}"]`).waitFor();

    const paused = notice(anna, "The session is paused");
    await gm.getByRole("button", { name: "Pause" }).click();
    for (const page of [gm, anna, bela]) await status(page, "paused");
    await paused;
    await token(gm, "token-brannoc").waitFor({ state: "attached" });
    await drag(gm, "token-brannoc", 1, 0);
    await gm.getByText("The session is paused", { exact: false }).first().waitFor();
    await screenshot(anna, "session-paused");
    await gm.getByRole("button", { name: "Resume" }).click();
    for (const page of [gm, anna, bela]) await status(page, "active");

    const over = notice(bela, "The session is over");
    await gm.getByRole("button", { name: "End", exact: true }).click();
    await gm.click('[data-confirm="end"]');
    for (const page of [gm, anna, bela]) await status(page, "ended");
    await over;
    await screenshot(bela, "session-ended");
  });

  it("goes back by one change, and is led by whom it is handed to", async () => {
    const own = await ownSession(up, "A change of seats");
    const gm = await openLive(up.gm, { at: own, width: 1440 });
    const [anna, bela] = [await openLive(up.players[0]!, { at: own, width: 1440 }), await openLive(up.players[1]!, { at: own })];
    await token(gm, "token-ozren").waitFor({ state: "attached" });
    const from = await squareOf(gm, "token-ozren");
    await drag(gm, "token-ozren", 2, 0);
    await onSquare(anna, "token-ozren", { x: from.x + 2, y: from.y });
    await gm.getByRole("button", { name: "Undo" }).click();
    for (const page of [gm, anna, bela]) await onSquare(page, "token-ozren", from);

    await gm.getByRole("button", { name: "Hand over" }).click();
    await gm.selectOption("[name=game-master]", up.players[0]!.userId);
    await gm.click('[data-confirm="hand-over"]');
    await anna.locator('#role[data-role="gm"]').waitFor();
    await gm.locator('#role[data-role="player"]').waitFor();
    await drag(anna, "token-ozren", 1, 0);
    await onSquare(gm, "token-ozren", { x: from.x + 1, y: from.y });
    await drag(gm, "token-ozren", 1, 0);
    await agree(gm, anna, bela);
  });

  it("is one for two tabs of its game master: each change of both is done, and the same thing changed twice ends the same", async () => {
    const [one, other] = [await openLive(up.gm), await openLive(up.gm)];
    const player = await openLive(up.players[0]!);
    await token(one, "token-jask").waitFor({ state: "attached" });
    await token(other, "token-jask").waitFor({ state: "attached" });
    const from = await squareOf(one, "token-jask");
    const damage = async (page: Page): Promise<void> => {
      await page.click('[data-tab="actors"]');
      await page.click('[data-entity="npc-marsh-lurker"]');
      await page.fill("[name=amount]", "3");
    };
    await Promise.all([damage(one), damage(other)]);
    const before = Number(await one.locator('[data-field="hit-points"]').innerText());
    await Promise.all([one.click('[data-act="damage"]'), other.click('[data-act="damage"]')]);
    for (const page of [one, other]) await page.waitForFunction((wanted) => document.querySelector('[data-field="hit-points"]')?.textContent === String(wanted), before - 6);

    for (const page of [one, other]) await token(page, "token-jask").focus();
    await Promise.all([one.keyboard.press("ArrowDown"), other.keyboard.press("ArrowUp")]);
    for (const page of [one, other]) await page.locator('[data-token="token-jask"][data-pending="false"]').waitFor({ state: "attached" });
    await agree(one, other, player);
    const ended = await squareOf(one, "token-jask");
    expect([from.y - 1, from.y, from.y + 1]).toContain(ended.y);
    for (const page of [other, player]) await onSquare(page, "token-jask", ended);
    await one.fill("[name=amount]", "6");
    await one.click('[data-act="heal"]');
  });
});

describe("without the network", () => {
  it("paints the state of the last visit before the server answers", async () => {
    const player = await openLive(up.players[2]!);
    await token(player, "token-brannoc").waitFor({ state: "attached" });
    const version = await versionOf(player);
    // The page keeps what it holds when it goes.
    await player.evaluate(() => {
      dispatchEvent(new Event("pagehide"));
    });
    await player.waitForFunction(
      (wanted) => Object.keys(localStorage).some((key) => key.startsWith("stateward:") && localStorage.getItem(key)?.includes(`"gameStateVersion":"${wanted}"`)),
      version,
    );
    await player.routeWebSocket(/\/ws$/, () => {
      // Taken, and never answered.
    });
    await player.reload();
    await token(player, "token-brannoc").waitFor({ state: "attached" });
    expect(await versionOf(player)).toBe(version);
    expect(await player.locator("#connection").getAttribute("data-state")).not.toBe("live");
    await player.getByText("You see the last known state").waitFor();
    await screenshot(player, "painted-from-last-visit");
  });

  it("comes back on all screens after the gateway was killed", async () => {
    const gm = await openLive(up.gm);
    const players = await Promise.all(up.players.slice(0, 3).map((player) => openLive(player)));
    await token(gm, "token-tamsin").waitFor({ state: "attached" });
    const from = await squareOf(gm, "token-tamsin");
    // Waited for from before: whoever is looked at later may be back already.
    const lost = [gm, ...players].map((page) => page.locator('#connection:not([data-state="live"])').waitFor());
    process.kill(listenerOf(up.gateway), "SIGKILL");
    await Promise.all(lost);
    // What is done meanwhile waits, and is sent once there is a gateway again.
    await drag(gm, "token-tamsin", 0, -1);
    await screenshot(gm, "gateway-killed");
    for (const page of [gm, ...players]) await live(page);
    for (const page of [gm, ...players]) await onSquare(page, "token-tamsin", { x: from.x, y: from.y - 1 });
    await agree(gm, ...players);
    await drag(gm, "token-tamsin", 0, 1);
    await onSquare(players[0]!, "token-tamsin", from);
  });
});

it("exports a diagnosis without token and values", async () => {
  const page = await openLive(up.players[0]!);
  await page.click("#connection");
  const [download] = await Promise.all([page.waitForEvent("download"), page.click('[data-act="diagnosis"]')]);
  const stream = await download.createReadStream();
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  expect(JSON.parse(text)).toMatchObject({ user: { id: up.players[0]!.userId }, head: { verified: true } });
  expect(text).not.toContain(up.players[0]!.token);
});
