import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

import { rolldown } from "rolldown";
import { describe, expect, expectTypeOf, it } from "vitest";

import type { Ack, Entity, Intent, Io, Replica, ServerGameState, StateOperation, UpdateAccepted } from "../src/index.ts";
import type { GameStateStore } from "../src/pinia/index.ts";
import type { io } from "socket.io-client";

const BUDGET = 20 * 1024;

describe("the package", () => {
  it("costs a page at most 20 KB, compressed, for everything but its Pinia stores and test tools", async () => {
    const bundle = await rolldown({ input: new URL("../src/index.ts", import.meta.url).pathname, platform: "browser" });
    const { output } = await bundle.generate({ minify: true });
    await bundle.close();
    const bytes = gzipSync(output[0].code).length;
    console.info(`index: ${bytes} bytes of ${BUDGET}`);
    expect(bytes).toBeLessThanOrEqual(BUDGET);
    expect(output).toHaveLength(1);
    expect(output[0].imports).toEqual([]);
  });

  it("has no `any` in what it declares", () => {
    const dist = new URL("../dist/", import.meta.url);
    const files = readdirSync(dist, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".d.ts"));
    expect(files.length).toBeGreaterThan(40);
    for (const file of files) {
      const declarations = readFileSync(new URL(file, dist), "utf8").replaceAll(/\/\*[^]*?\*\/|\/\/.*|"[^"]*"/g, "");
      expect(declarations, file).not.toMatch(/\bany\b/);
    }
  });

  it("has types that say what comes of a call", () => {
    expectTypeOf<Replica["update"]>().returns.resolves.toEqualTypeOf<Ack<UpdateAccepted>>();
    expectTypeOf<Intent>().parameters.toEqualTypeOf<[ServerGameState]>();
    expectTypeOf<StateOperation["value"]>().toEqualTypeOf<unknown>();
    expectTypeOf<typeof io>().toExtend<Io>();
    expectTypeOf<GameStateStore["characters"]>().toExtend<Entity[]>();
    expectTypeOf<GameStateStore["selectedCharacter"]>().toExtend<Entity | null>();
    expectTypeOf<GameStateStore["gameStateVersion"]>().toEqualTypeOf<string | null>();
    expectTypeOf<GameStateStore["updateGameState"]>().returns.resolves.toEqualTypeOf<Ack<UpdateAccepted>>();
  });
});
