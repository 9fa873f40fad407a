import { Connection, Replica, socketIoTransport } from "@stateward/client";
import type { Page } from "playwright-core";
import { io } from "socket.io-client";
import { expect, it } from "vitest";

import { PATIENCE } from "./support/patience.ts";
import { ownSession } from "./support/session.ts";
import { atVersion, inspect, seats, versionOf } from "./support/table.ts";
import { watchTasks } from "./support/tasks.ts";

const { up, openLive } = seats();

/** `STATEWARD_BROWSER_LONG=1` is the form that figures are taken from. */
const SECONDS = process.env["STATEWARD_BROWSER_LONG"] === undefined ? 5 : 30;
const EACH_SECOND = 10;

/** Actors of some three kilobytes each, with the nesting of real ones. */
function crowd(bytes: number): Record<string, unknown>[] {
  const text = "The water has a voice, and the voice has a name that nobody on the causeway will say after dusk. ".repeat(8);
  const one = (n: number): Record<string, unknown> => ({
    id: `npc-villager-${n}`,
    name: `Villager ${n}`,
    inventory: Array.from({ length: 12 }, (_, item) => ({ itemId: `item-${item}`, quantity: item + 1, equipped: item % 3 === 0 })),
    pluginData: { creatureType: "humanoid", hitPoints: { current: 9, maximum: 9, temporary: 0 }, conditions: [], notes: text, traits: [{ name: "Keeps silent", text }] },
  });
  return Array.from({ length: Math.ceil(bytes / JSON.stringify(one(0)).length) }, (_, n) => one(n));
}

/** The game master without a page, so that only the player's costs are seen. */
function gameMaster(sessionId: string): { replica: Replica; stop: () => void } {
  const connection = new Connection({ transport: socketIoTransport(io, up.gateway), token: () => up.gm.token });
  const replica = new Replica({ connection, sessionId });
  connection.start();
  return {
    replica,
    stop: () => {
      replica.stop();
      connection.stop();
    },
  };
}

async function heapMiB(page: Page): Promise<number> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("HeapProfiler.collectGarbage");
  const { usedSize } = await devtools.send("Runtime.getHeapUsage");
  await devtools.detach();
  return Math.round((usedSize / 1024 / 1024) * 10) / 10;
}

it("takes ten updates a second of a state of a megabyte without missing a version or leaving one unverified", { timeout: 10 * PATIENCE }, async () => {
  const own = await ownSession(up, "A crowded town", crowd(1 << 20));
  const { replica, stop } = gameMaster(own.sessionId);
  try {
    await expect.poll(() => replica.state.name).toBe("live");
    const player = await openLive(up.players[0]!, { at: own });
    await inspect(player, "sync");
    await player.locator("#hash").waitFor();
    const before = { version: Number(await versionOf(player)), heap: await heapMiB(player) };
    // What loading and collecting garbage for the figure above take is no part of play: from the first idle moment on.
    await player.evaluate(async () => {
      await new Promise((resolve) => requestIdleCallback(resolve));
    });
    const longestTask = await watchTasks(player);

    const answers: Promise<{ success: boolean }>[] = [];
    for (let n = 0; n < SECONDS * EACH_SECOND; n++) {
      const villager = replica.gameState!.actors.at(-1 - (n % 200))!["id"] as string;
      const place = n % 2 === 0 ? ["actors", { id: villager }, "pluginData", "hitPoints", "temporary"] : ["currentEncounter", "tokens", { id: "token-jask" }, "position", "x"];
      answers.push(replica.update([{ path: place, operation: "set", value: n % 20 }]));
      // The pace is the load, not a wait for something.
      await new Promise((resolve) => setTimeout(resolve, 1000 / EACH_SECOND));
    }
    expect((await Promise.all(answers)).every(({ success }) => success)).toBe(true);
    await atVersion(player, replica.head!.version);
    const field = (name: string) => player.locator(`[data-field=${name}]`).innerText();
    await expect.poll(() => field("taken").then(Number)).toBe(answers.length);
    expect(Number(await versionOf(player))).toBe(before.version + answers.length);
    expect(Number(await field("unverified"))).toBe(0);
    expect(await player.locator("#hash").innerText()).toBe(replica.head!.hash);

    const { clockMs, workMs } = await longestTask();
    console.log(`${answers.length} updates of a 1 MB state in ${SECONDS} s: most work in one task ${workMs} ms (${clockMs} ms until one was over, with all that ran beside it), heap ${before.heap} MiB before and ${await heapMiB(player)} MiB after`);
  } finally {
    stop();
  }
});
