// How long one small change takes, apply and hash, beside the same from scratch. `npm run bench -w @stateward/client`.
import { mkdirSync, writeFileSync } from "node:fs";

import { canonicalize, GameState, generateStateHash } from "@stateward/client";

const SIZES = [10, 100, 1024, 7.5 * 1024];
const TARGET_MS = 1500;

function character(index) {
  const skills = Object.fromEntries(["athletics", "stealth", "arcana", "insight", "perception"].map((name, at) => [name, { proficient: at % 2 === 0, bonus: at }]));
  const inventory = Array.from({ length: 12 }, (_, at) => ({ id: `item-${index}-${at}`, name: `Rope of ${at} knots`, weight: at / 2, worn: false }));
  return { id: `c${index}`, name: `Character ${index}`, pluginData: { hitPoints: 10 + (index % 40), level: 1 + (index % 20), skills }, inventory };
}

function stateOf(kilobytes) {
  const each = canonicalize(character(0)).length + 1;
  const characters = Array.from({ length: Math.max(1, Math.round((kilobytes * 1024) / each)) }, (_, index) => character(index));
  return GameState.from({ characters, actors: [], items: [], currentEncounter: null, pluginData: {} });
}

/** The median of one run, in milliseconds. */
function median(run) {
  const times = [];
  const end = performance.now() + TARGET_MS;
  for (let count = 0; count < 10 || performance.now() < end; count++) {
    const start = performance.now();
    run(count);
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[times.length >> 1];
}

const rows = SIZES.map((kilobytes) => {
  const state = stateOf(kilobytes);
  const { length } = state.root.characters;
  // The golden ratio walks over all places without a period.
  const operation = (count) => [{ path: `characters.${Math.floor(((count * 0.618034) % 1) * length)}.pluginData.hitPoints`, operation: "inc", value: 1 }];
  const incremental = median((count) => {
    state.apply(operation(count));
    state.hash();
  });
  const scratch = median((count) => {
    state.apply(operation(count));
    generateStateHash(state.root);
  });
  if (state.hash() !== generateStateHash(state.root)) throw new Error("the incremental hash is wrong");
  return { kilobytes: Math.round(state.size().canonicalBytes / 1024), incrementalMs: incremental, scratchMs: scratch, ratio: scratch / incremental };
});

console.log("| State | apply + hash | from scratch | faster by |\n|---:|---:|---:|---:|");
for (const { kilobytes, incrementalMs, scratchMs, ratio } of rows) {
  console.log(`| ${kilobytes} KB | ${incrementalMs.toFixed(3)} ms | ${scratchMs.toFixed(3)} ms | ${ratio.toFixed(1)} x |`);
}
const target = new URL("../../../target/bench/", import.meta.url);
mkdirSync(target, { recursive: true });
writeFileSync(new URL("state-typescript.json", target), JSON.stringify(rows, null, 2) + "\n");
