import { existsSync } from "node:fs";
import { Worker as Thread } from "node:worker_threads";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { canonicalize, Connection, GameState, generateStateHash, Rejection, Replica } from "../src/index.ts";
import { withPauses } from "../src/replica/pauses.ts";
import { FakeGateway } from "../src/testing/index.ts";
import { eventually } from "./support/eventually.ts";

const DIST = new URL("../dist/replica/", import.meta.url);

/** The browser's Worker, on a thread of Node, with the program as it is built. */
class BrowserWorker {
  static started = 0;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onerror: ((error: unknown) => void) | null = null;
  private readonly thread: Thread;

  constructor(url: URL) {
    BrowserWorker.started++;
    const program = new URL(url.pathname.split("/").at(-1)!, DIST);
    if (!existsSync(program)) throw new Error(`${program.href} is not built`);
    const bridge = `
      import { parentPort } from "node:worker_threads";
      globalThis.postMessage = (data) => parentPort.postMessage(data);
      await import(${JSON.stringify(program.href)});
      parentPort.on("message", (data) => globalThis.onmessage({ data }));`;
    this.thread = new Thread(new URL(`data:text/javascript,${encodeURIComponent(bridge)}`));
    this.thread.on("message", (data) => this.onmessage?.({ data }));
    this.thread.on("error", (error) => this.onerror?.(error));
  }

  postMessage(data: unknown): void {
    this.thread.postMessage(data);
  }

  terminate(): void {
    void this.thread.terminate();
  }
}

/** One that comes up but says that it cannot load its program, as under a content security policy that forbids it. */
class ForbiddenWorker extends EventTarget {
  onerror: (() => void) | null = null;

  constructor() {
    super();
    setTimeout(() => this.onerror?.());
  }

  postMessage(): void {
    // Nobody is there.
  }

  terminate(): void {
    // Nor here.
  }
}

let gateway: FakeGateway;
let connection: Connection;
let replica: Replica;

beforeEach(async () => {
  BrowserWorker.started = 0;
  gateway = new FakeGateway({ gameState: { items: Array.from({ length: 3000 }, (_, index) => ({ id: `i${index}`, name: "Rope, hempen, 50 feet" })) } });
  connection = new Connection({ transport: gateway.transport, token: () => "gm", backoffBaseMs: 5 });
  replica = new Replica({ connection, sessionId: gateway.session.id });
  connection.start();
  await eventually(() => {
    expect(replica.state.name).toBe("live");
  });
});

afterEach(() => {
  replica.stop();
  connection.stop();
  vi.unstubAllGlobals();
});

describe("a large state that is checked", () => {
  it("is hashed in a worker, and found right or wrong there", async () => {
    vi.stubGlobal("Worker", BrowserWorker);
    expect(await replica.check()).toBe(true);
    replica.gameState!.items[1234]!["name"] = "written into";
    expect(await replica.check()).toBe(false);
    expect(BrowserWorker.started).toBe(2);
    await eventually(() => {
      expect(replica.gameState).toEqual(gateway.session.game.root);
    });
  });

  it("is checked as it was when the check began, while updates go on", async () => {
    vi.stubGlobal("Worker", BrowserWorker);
    const checking = replica.check();
    gateway.change([{ path: "items.0.name", operation: "set", value: "Torch" }]);
    await eventually(() => {
      expect(replica.head!.version).toBe("1");
    });
    expect(await checking).toBe(true);
  });

  it.each([["there are no workers", undefined], ["they may not be started", ForbiddenWorker]])("is hashed on the page where %s", async (_where, Worker) => {
    vi.stubGlobal("Worker", Worker);
    expect(await replica.check()).toBe(true);
    Object.assign(replica.gameState!.items[7]!, { when: new Date(0) });
    expect(await replica.check()).toBe(false);
  });
});

describe("a large state that an earlier visit kept", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it("is read with pauses, shown before anything is asked, and goes on from there", async () => {
    const kept = replica.snapshot()!;
    gateway.change([{ path: "items.0.name", operation: "set", value: "Torch" }]);
    const asked = vi.spyOn(connection, "request");
    let clock = 0;
    // What a frame has room for is over after some eighty looks at the clock.
    vi.spyOn(performance, "now").mockImplementation(() => (clock += 0.1));
    const pauses = vi.spyOn(globalThis, "setTimeout");
    const again = new Replica({ connection, sessionId: gateway.session.id, kept });
    const shown: unknown[] = [];
    again.on("replaced", ({ version }) => shown.push([version, again.gameState!.items.length, asked.mock.calls.length]));
    expect(again.gameState).toBeUndefined();
    await eventually(() => {
      expect(again.head?.version).toBe("1");
    });
    expect(shown).toEqual([["0", 3000, 0]]);
    expect(pauses.mock.calls.filter(([, ms]) => ms === undefined).length).toBeGreaterThan(20);
    expect(asked.mock.calls.map(([event, data]) => [event, (data as { version?: string }).version])).toEqual([["gameSession:join", "0"], ["gameState:requestFull", "0"]]);
    again.stop();
  });

  it("is let go of when the replica is stopped while it is read", async () => {
    const kept = replica.snapshot()!;
    const asked = vi.spyOn(connection, "request");
    const [left, stays] = [1, 2].map(() => new Replica({ connection, sessionId: gateway.session.id, kept })) as [Replica, Replica];
    left.stop();
    // Began later, and is as large.
    await eventually(() => {
      expect(stays.state.name).toBe("live");
    });
    expect(left.gameState).toBeUndefined();
    expect(asked).toHaveBeenCalledTimes(2);
    stays.stop();
  });
});

describe("long work", () => {
  const work = function* (steps: number): Generator<undefined, string> {
    for (let step = 0; step < steps; step++) {
      vi.advanceTimersByTime(3);
      yield;
    }
    return "done";
  };

  beforeEach(() => {
    vi.useFakeTimers();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  it("pauses as soon as it has taken what a frame has room for", async () => {
    const pauses = vi.spyOn(globalThis, "setTimeout");
    const done = withPauses(work(30));
    await vi.advanceTimersByTimeAsync(1000);
    expect(await done).toBe("done");
    expect(pauses.mock.calls.length).toBe(10);
  });

  it("is given up when it is stale, and done at once on a page that is not seen", async () => {
    const given = withPauses(work(30), () => true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await given).toBeUndefined();
    vi.stubGlobal("document", { visibilityState: "hidden" });
    const pauses = vi.spyOn(globalThis, "setTimeout");
    expect(await withPauses(work(30))).toBe("done");
    expect(pauses).not.toHaveBeenCalled();
  });
});

describe("a state that is read with pauses", () => {
  it("is the same as one that is read at once, and refused for the same", async () => {
    const held = gateway.session.game.root;
    const game = (await withPauses(GameState.reading(held)))!;
    expect(canonicalize(game.root)).toBe(canonicalize(held));
    expect(game.root.items[0]).not.toBe(held.items[0]);
    expect(await withPauses(game.hashing())).toBe(generateStateHash(held));
    const forged = JSON.parse('{"characters":[{"a":{"b":[{"__proto__":1}]}}],"actors":[],"items":[],"currentEncounter":null,"pluginData":{}}') as object;
    await expect(withPauses(GameState.reading(forged))).rejects.toThrow(Rejection);
    await expect(withPauses(GameState.reading({ items: [] }))).rejects.toMatchObject({ reason: "BAD_STRUCTURE" });
  });
});
