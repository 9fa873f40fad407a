import "fake-indexeddb/auto";
import { readFileSync } from "node:fs";

import * as openTelemetry from "@opentelemetry/api";
import * as pinia from "pinia";
import * as socketIo from "socket.io-client";
import { afterEach, expect, it, vi } from "vitest";

import * as core from "../src/core/index.ts";
import * as client from "../src/index.ts";
import * as clientPinia from "../src/pinia/index.ts";
import * as plugin from "../src/plugin/index.ts";
import * as testing from "../src/testing/index.ts";

const MODULES: Record<string, object> = {
  "@stateward/client": client,
  "@stateward/client/core": core,
  "@stateward/client/pinia": clientPinia,
  "@stateward/client/plugin": plugin,
  "@stateward/client/testing": testing,
  pinia,
  "socket.io-client": socketIo,
  "@opentelemetry/api": openTelemetry,
};
const README = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const IMPORT = /^import \{ (.*) \} from "(.*)";\n/gm;

afterEach(() => {
  vi.unstubAllGlobals();
});

it("every example of the README runs, one after another", async () => {
  const blocks = [...README.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code!);
  expect(blocks).toHaveLength(15);
  expect(blocks[0]!.trimEnd().split("\n").length).toBeLessThanOrEqual(20);
  const sheet = { strength: 18, hitPoints: 7 };
  const gateway = new testing.FakeGateway({
    gameState: {
      characters: [{ id: "char-1", pluginData: { hitPoints: 20, abilities: { strength: 18 } } }],
      actors: [{ id: "goblin", pluginData: { ...sheet, armorClass: 5 } }],
      currentEncounter: { id: "e", tokens: [{ id: "t", x: 0 }] },
    },
  });
  const [show, draw, redraw] = [vi.fn(), vi.fn(), vi.fn()];
  const devtools = { addTimelineLayer: vi.fn(), addTimelineEvent: vi.fn() };
  const rest = vi.fn(() => Promise.resolve(new Response('{"status":"active","newVersion":"9","epoch":"e","timestamp":1,"session":{}}')));
  vi.stubGlobal("fetch", rest);
  const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const storage = { getItem: () => null, setItem: vi.fn(), removeItem: vi.fn() };
  for (const [name, value] of Object.entries({ document: page, window: page, localStorage: storage, location: { origin: "o" } })) vi.stubGlobal(name, value);
  const names: Record<string, unknown> = { show, draw, redraw, sessionId: gateway.session.id, fetchToken: () => "gm", devtools };
  const code = blocks.join("\n").replaceAll(IMPORT, (_, list: string, from: string) => {
    for (const name of list.split(", ")) {
      expect(MODULES[from], `${name} of ${from}`).toHaveProperty(name);
      names[name] = MODULES[from]![name as never];
    }
    return "";
  });
  names["webSocketTransport"] = () => gateway.transport;
  const body = `return (async () => {${code}\nreturn { connection, replica, traced, tested, copy, fake };})()`;
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the README's own code
  const run = new Function(...Object.keys(names), body) as (...values: unknown[]) => Promise<Ran>;
  const { connection, replica, traced, tested, copy, fake } = await run(...Object.values(names));
  expect(gateway.session.game.root.characters).toMatchObject([{ name: "Ana", pluginData: { hitPoints: 6 } }]);
  expect(gateway.session.game.root.currentEncounter).toMatchObject({ tokens: [{ x: 30 }] });
  const weather = [{ path: "pluginData.weather", operation: "set", value: "fog" }];
  expect(show.mock.calls).toEqual([["gm: Well met!"], ["Ana", expect.any(String), true, [], "here"], ["char-1"], [weather, false], [true]]);
  expect(devtools.addTimelineEvent).toHaveBeenCalledOnce();
  expect(String((rest.mock.calls as unknown[][])[0]![0])).toBe(`https://play.example/api/sessions/${gateway.session.id}/undo`);
  expect(gateway.session.game.root.characters).toMatchObject([{ pluginData: { shield: 0 } }]);
  expect(draw).toHaveBeenCalled();
  expect(redraw).toHaveBeenCalled();
  expect(fake.session.game.root.pluginData["round"]).toBe(2);
  for (const one of [replica, traced, copy, connection, tested]) one.stop();
});

interface Ran {
  readonly connection: client.Connection;
  readonly tested: client.Connection;
  readonly replica: client.Replica;
  readonly traced: client.Replica;
  readonly copy: client.Replica;
  readonly fake: testing.FakeGateway;
}
