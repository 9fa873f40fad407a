import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

import { expect, it } from "vitest";

import { canonicalize, DEFAULT_LIMITS, GameState, generateStateHash, inverse, Rejection, type JsonObject } from "../src/index.ts";
import { anyOperation, anyState, Random } from "./support/generate.ts";

const CASES = Number(process.env["STATEWARD_DIFFERENTIAL_CASES"] ?? 20_000);
const SEED = Number(process.env["STATEWARD_SEED"] ?? Date.now() % 0x1_0000_0000);

interface Answer {
  hash?: string;
  state?: unknown;
  previous?: unknown;
  resolved?: unknown;
  undone?: boolean;
  rejection?: { reason: string; operation?: number; path?: string };
}

/** What this package makes of a line, in the words of the other side. */
function answer(state: unknown, operations: unknown): Answer {
  let held: GameState;
  try {
    held = GameState.from(state);
  } catch (error) {
    return { rejection: { reason: (error as Rejection).reason } };
  }
  const before = held.hash();
  try {
    const applied = held.applyText(JSON.stringify(operations));
    const hash = held.hash();
    expect(hash).toBe(generateStateHash(held.root));
    const undone = GameState.from(held.root, { ...DEFAULT_LIMITS, operations: Infinity });
    undone.apply(inverse(applied.resolved, applied.previous));
    const result = { hash, state: JSON.parse(canonicalize(held.root)) as unknown, previous: clone(applied.previous), resolved: clone(applied.resolved) };
    held.putBack(applied);
    expect(held.hash()).toBe(generateStateHash(held.root));
    return { ...result, undone: undone.hash() === before && held.hash() === before };
  } catch (error) {
    if (!(error instanceof Rejection)) throw error;
    expect(generateStateHash(held.root)).toBe(before);
    const { reason, operation, path } = error;
    return { rejection: { reason, ...(operation === undefined ? {} : { operation }), ...(path === undefined ? {} : { path }) }, hash: held.hash() };
  }
}

/** Of a state that is refused itself, only the reason is compared: there is no operation to name. */
function comparable(answer: Answer): Answer {
  return answer.rejection !== undefined && answer.hash === undefined ? { rejection: { reason: answer.rejection.reason } } : answer;
}

function clone(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

it(`agrees with the server's implementation on ${CASES} random states and updates (STATEWARD_SEED=${SEED})`, { timeout: 600_000 }, async () => {
  const root = new URL("../../../", import.meta.url).pathname;
  const program = process.env["STATEWARD_DIFFERENTIAL"];
  const other =
    program === undefined
      ? spawn("cargo", ["run", "--quiet", "-p", "stateward-game-state", "--example", "differential"], { cwd: root, stdio: ["pipe", "pipe", "inherit"] })
      : spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(other, "close") as Promise<[number | null]>;
  const answers = createInterface({ input: other.stdout })[Symbol.asyncIterator]();

  const random = new Random(SEED);
  const outcomes = new Map<string, number>();
  for (let done = 0; done < CASES; ) {
    const batch = Array.from({ length: Math.min(200, CASES - done) }, () => {
      const state = anyState(random);
      return { state, operations: anyBatch(random, state) };
    });
    other.stdin.write(batch.map((line) => JSON.stringify(line) + "\n").join(""));
    for (const line of batch) {
      const theirs = await answers.next();
      if (theirs.done === true) throw new Error(`the other side ended early, with ${(await ended)[0]}`);
      const ours = answer(line.state, line.operations);
      expect(comparable(ours), `case ${done}: ${JSON.stringify(line)}`).toEqual(comparable(JSON.parse(theirs.value) as Answer));
      const outcome = ours.rejection?.reason ?? "applied";
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      done++;
    }
  }
  other.stdin.end();
  expect((await ended)[0]).toBe(0);
  console.info(`differential outcomes: ${[...outcomes].sort((a, b) => b[1] - a[1]).map(([outcome, count]) => `${outcome} ${count}`).join(", ")}`);
  // A generator whose updates are nearly all refused, or refused for one reason only, would prove little.
  expect(outcomes.get("applied")).toBeGreaterThan(CASES / 4);
  expect(outcomes.size).toBeGreaterThan(10);
});

function anyBatch(random: Random, state: JsonObject): unknown[] {
  return Array.from({ length: random.below(6) }, () => anyOperation(random, state));
}
