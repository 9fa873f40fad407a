import { describe, expect, it } from "vitest";

import { launch, screenshot } from "./support/browser.ts";
import { lay } from "./support/cable.ts";
import { atVersion, head, inspect, live, seats, send, versionOf } from "./support/table.ts";

const { up, open, openLive } = seats();

describe("the inspector", () => {
  it("shows a player the value that the GM sets, at the same version with a verified hash", async () => {
    const gm = await openLive(up.gm);
    const player = await openLive(up.players[0]!, { colorScheme: "dark" });
    const before = await head(gm);
    await inspect(player, "state");
    await player.click('[data-path="characters"]');
    await player.click('[data-path="characters.0"]');
    await player.click('[data-path="characters.0.pluginData"]');
    await player.click('[data-path="characters.0.pluginData.hitPoints"]');
    const value = 100 + (Number(before.version) % 100);
    await send(gm, "set", "characters.0.pluginData.hitPoints.temporary", String(value));
    await gm.locator('#answer[data-outcome="done"]').waitFor();

    const after = await head(gm);
    expect(Number(after.version)).toBe(Number(before.version) + 1);
    expect(after.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(after.hash).not.toBe(before.hash);
    expect(after.verified).toBe("verified");
    await atVersion(player, after.version);
    await inspect(player, "state");
    const row = player.locator('[data-path="characters.0.pluginData.hitPoints.temporary"]');
    expect(await row.locator(".value").innerText()).toBe(String(value));
    expect(await row.getAttribute("class")).toContain("changed");
    await screenshot(player, "inspector-state-dark");
    expect(await head(player)).toEqual(after);
    expect(await player.locator("#changes li").first().innerText()).toContain(`set characters.0.pluginData.hitPoints.temporary ${value}`);
    expect(await player.locator("[data-field=latency]").innerText()).toMatch(/^[0-9]+ ms$/);
    await screenshot(gm, "inspector-sync-light");
    await send(gm, "set", "characters.0.pluginData.hitPoints.temporary", "0");
  });

  it("lets the GM use every operation, and a player none", async () => {
    const gm = await openLive(up.gm);
    const player = await openLive(up.players[0]!);
    expect(await player.locator("#role").innerText()).toBe("Player");
    expect(await gm.locator("#role").innerText()).toBe("Game Master");
    await inspect(player, "state");
    expect(await player.locator("#update").count()).toBe(0);
    const steps: [string, string, string][] = [
      ["set", "pluginData.browser-test", '{"list":[1,2,2],"count":1}'],
      ["inc", "pluginData.browser-test.count", "41"],
      ["push", "pluginData.browser-test.list", '"x"'],
      ["pull", "pluginData.browser-test.list", "2"],
      ["unset", "pluginData.browser-test.count", ""],
    ];
    for (const [operation, path, value] of steps) {
      const version = String(Number(await versionOf(gm)) + 1);
      await send(gm, operation, path, value);
      await atVersion(gm, version);
    }
    await atVersion(player, await versionOf(gm));
    expect(await head(player)).toEqual(await head(gm));
    await inspect(player, "state");
    await player.click('[data-path="pluginData"]');
    await player.click('[data-path="pluginData.browser-test"]');
    expect(await player.locator('[data-path="pluginData.browser-test.list"] .value').innerText()).toBe("2 elements");
    expect(await player.locator('[data-path="pluginData.browser-test.count"]').count()).toBe(0);
    await send(gm, "unset", "pluginData.browser-test", "");
  });

  it("says what is wrong with an operation, before and after the server has seen it", async () => {
    const gm = await openLive(up.gm);
    const version = await versionOf(gm);
    await inspect(gm, "state");
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
      await gm.locator("#update button[type=submit]:enabled").waitFor();
    }
    expect(await versionOf(gm)).toBe(version);
    await screenshot(gm, "inspector-refused");
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
      await live(player);
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
    await live(page);
  });

  it("tells an outsider that the session is not open to them, a forger that the link is none, and a stranger to use one", async () => {
    const outsider = await open(up.outsider);
    await outsider.getByRole("heading", { name: "This table is not yours" }).waitFor();
    expect(await outsider.locator("#notice").innerText()).toContain("Your game master can add you.");
    expect(await outsider.locator("[data-token]").count()).toBe(0);
    const forger = await open({ userId: "x", token: "not.a.token" });
    await forger.getByRole("heading", { name: "This link does not work" }).waitFor();
    await forger.getByRole("button", { name: "Use another link" }).click();
    await forger.getByRole("heading", { name: "Take your seat" }).waitFor();
    await forger.fill("[name=link]", "https://example.org/nothing");
    await forger.getByRole("button", { name: "Join the session" }).click();
    await forger.getByRole("alert").waitFor();
    await screenshot(forger, "welcome-light");
  });
});
