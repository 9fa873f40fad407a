// How long one small change at a random place takes, apply and hash: beside one SHA-256 pass over the canonical bytes (ours, in
// TypeScript, and the engine's own), and beside the same from scratch. `cargo xtask bench state` runs it after the server's.
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";

import { canonicalize, GameState, generateStateHash } from "@stateward/client";
import { Sha256 } from "../dist/core/sha256.js";

const SIZES = [["10 KB", 10 << 10], ["100 KB", 100 << 10], ["1 MB", 1 << 20], ["8 MB", (8 << 20) - 4096]];
const IS_QUICK = process.env["STATEWARD_BENCH_QUICK"] !== undefined;
const TARGET_MS = IS_QUICK ? 150 : 1500;
/** However long one takes. */
const LEAST_RUNS = IS_QUICK ? 3 : 10;

function character(index) {
  const skills = Object.fromEntries(["athletics", "stealth", "arcana", "insight", "perception"].map((name, at) => [name, { proficient: at % 2 === 0, bonus: at }]));
  const inventory = Array.from({ length: 12 }, (_, at) => ({ id: `item-${index}-${at}`, name: `Rope of ${at} knots`, weight: at / 2, worn: false }));
  return { id: `c${index}`, name: `Character ${index}`, pluginData: { hitPoints: 10 + (index % 40), level: 1 + (index % 20), skills }, inventory };
}

function token(index) {
  return { id: `t${index}`, name: `Goblin ${index}`, x: index * 7, y: index * 3, isVisible: index % 3 > 0, art: `https://play.example/art/goblins/${index}.webp`, conditions: ["prone"] };
}

/** As many as fit. */
function fill(bytes, make) {
  const each = canonicalize(make(99_999)).length + 1;
  return Array.from({ length: Math.max(1, Math.floor((bytes - 200) / each)) }, (_, index) => make(index));
}

/** Where the bytes are: in many characters, or in one list of one encounter. */
const SHAPES = [
  {
    name: "characters",
    state: (bytes) => ({ characters: fill(bytes, character), currentEncounter: null }),
    count: ({ characters }) => characters.length,
    path: (index) => `characters.${index}.pluginData.hitPoints`,
  },
  {
    name: "tokens",
    state: (bytes) => ({ characters: [], currentEncounter: { id: "e", map: { tokens: fill(bytes, token) } } }),
    count: ({ currentEncounter }) => currentEncounter.map.tokens.length,
    path: (index) => `currentEncounter.map.tokens.${index}.x`,
  },
];

/** The mean of one run in milliseconds, as the place decides the cost; without the slowest tenth, which is other processes' doing. */
function mean(run) {
  const times = [];
  const end = performance.now() + TARGET_MS;
  for (let count = 0; count < LEAST_RUNS || performance.now() < end; count++) {
    const start = performance.now();
    run(count);
    times.push(performance.now() - start);
  }
  const kept = times.sort((a, b) => a - b).slice(0, Math.ceil(times.length * 0.9));
  return kept.reduce((sum, time) => sum + time, 0) / kept.length;
}

function measure({ name: shape, state: make, count: length, path }, size, bytes) {
  const state = GameState.from({ characters: [], actors: [], items: [], pluginData: {}, ...make(bytes) });
  // The golden ratio walks over all places without a period.
  const operation = (count) => [{ path: path(Math.floor(((count * 0.618034) % 1) * length(state.root))), operation: "inc", value: 1 }];
  state.hash();
  const incrementalMs = mean((count) => {
    state.apply(operation(count));
    state.hash();
  });
  const scratchMs = mean((count) => {
    state.apply(operation(count));
    generateStateHash(state.root);
  });
  if (state.hash() !== generateStateHash(state.root)) throw new Error("the incremental hash is wrong");
  const canonical = Buffer.from(canonicalize(state.root));
  const sha256Ms = mean(() => new Sha256().update(canonical).hex());
  const nativeMs = mean(() => createHash("sha256").update(canonical).digest("hex"));
  return { shape, size, bytes: canonical.length, sha256Ms, nativeMs, incrementalMs, scratchMs, toSha256: incrementalMs / sha256Ms, timesFasterThanFromScratch: scratchMs / incrementalMs };
}

const rows = SHAPES.flatMap((shape) => SIZES.map(([size, bytes]) => measure(shape, size, bytes)));
console.log("| state of | size | one SHA-256 pass (engine's own) | apply + hash | ratio | from scratch | times faster |\n|---|---:|---:|---:|---:|---:|---:|");
for (const { shape, size, sha256Ms, nativeMs, incrementalMs, scratchMs, toSha256, timesFasterThanFromScratch } of rows) {
  const ms = (value) => `${value.toFixed(3)} ms`;
  console.log(`| ${shape} | ${size} | ${ms(sha256Ms)} (${ms(nativeMs)}) | ${ms(incrementalMs)} | ${toSha256.toFixed(2)} | ${ms(scratchMs)} | ${timesFasterThanFromScratch.toFixed(1)} |`);
}
const target = new URL("../../../target/bench/", import.meta.url);
mkdirSync(target, { recursive: true });
writeFileSync(new URL("state-typescript.json", target), JSON.stringify(rows, null, 2) + "\n");
