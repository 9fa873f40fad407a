import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Connection, type ConnectionState } from "../src/index.ts";
import { ScriptedGateway } from "./support/scripted.ts";

let gateway: ScriptedGateway;
let connection: Connection;
let states: ConnectionState[];

beforeEach(() => {
  vi.useFakeTimers();
  gateway = new ScriptedGateway();
  states = [];
  connection = new Connection({ transport: gateway, token: () => "the token", random: () => 0.5 });
  connection.on("state", (state) => states.push(state));
});

afterEach(() => {
  connection.stop();
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

async function settle(): Promise<void> {
  await vi.advanceTimersByTimeAsync(0);
}

async function open(): Promise<void> {
  connection.start();
  await settle();
  gateway.last.answer(gateway.last.asked("auth")[0]!, { success: true });
  await settle();
}

describe("a connection", () => {
  it("sends its token first, and is open once that is accepted", async () => {
    connection.start();
    await settle();
    expect(gateway.last.frames).toEqual([{ event: "auth", id: 1, data: { token: "the token" } }]);
    expect(connection.state.name).toBe("connecting");
    await expect(connection.request("gameSession:join", "s")).rejects.toMatchObject({ why: "lost" });
    gateway.last.answer(gateway.last.frames[0]!, { success: true });
    await settle();
    expect(connection.state.name).toBe("open");
  });

  it("gives each request its own answer, in whatever order they come", async () => {
    await open();
    const first = connection.request("a", 1);
    const second = connection.request("b", 2);
    const [a, b] = [gateway.last.asked("a")[0]!, gateway.last.asked("b")[0]!];
    gateway.last.answer(b, { success: true, of: "b" });
    gateway.last.answer(a, { success: false, error: { code: "VALIDATION_ERROR", message: "", retryable: false, details: {} } });
    gateway.last.answer(a, { success: true, of: "a again" });
    expect(await second).toEqual({ success: true, of: "b" });
    expect(await first).toMatchObject({ success: false, error: { code: "VALIDATION_ERROR" } });
  });

  it("fails what waits for an answer when the connection is lost, and what is not answered in time", async () => {
    await open();
    const late = connection.request("a", 1);
    const expectLate = expect(late).rejects.toMatchObject({ name: "NoAnswer", why: "deadline" });
    await vi.advanceTimersByTimeAsync(12_000);
    await expectLate;
    const lost = connection.request("a", 1);
    gateway.last.lose();
    await expect(lost).rejects.toMatchObject({ name: "NoAnswer", why: "lost" });
  });

  it("tries again with full jitter: within a span that doubles up to its cap", async () => {
    gateway.reachable = false;
    connection.start();
    await vi.advanceTimersByTimeAsync(200_000);
    const delays = states.flatMap((state) => (state.name === "waiting" ? [state.delayMs] : []));
    expect(delays.slice(0, 8)).toEqual([250, 500, 1000, 2000, 4000, 7500, 7500, 7500]);
    gateway.reachable = true;
    await vi.advanceTimersByTimeAsync(7_500);
    gateway.last.answer(gateway.last.asked("auth")[0]!, { success: true });
    await settle();
    expect(connection.state.name).toBe("open");
  });

  it("counts its attempts from the start again only after a connection that lasted", async () => {
    await open();
    gateway.last.lose();
    await vi.advanceTimersByTimeAsync(250);
    gateway.last.answer(gateway.last.asked("auth")[0]!, { success: true });
    await settle();
    gateway.last.lose();
    expect(connection.state).toMatchObject({ name: "waiting", delayMs: 500 });
    await vi.advanceTimersByTimeAsync(500);
    gateway.last.answer(gateway.last.asked("auth")[0]!, { success: true });
    await vi.advanceTimersByTimeAsync(10_000);
    gateway.last.lose();
    expect(connection.state).toMatchObject({ name: "waiting", delayMs: 250 });
  });

  it.each([
    [3001, "waiting"],
    [3008, "waiting"],
    [1006, "waiting"],
    [1011, "waiting"],
    [3500, "refused"],
    [3505, "refused"],
  ])("after the close code %i it is %s", async (code, name) => {
    await open();
    gateway.last.lose(code, "why");
    expect(connection.state.name).toBe(name);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.channels.length > 1).toBe(name === "waiting");
  });

  it("does not come back with a token that was refused, until it is started again", async () => {
    connection.start();
    await settle();
    const error = { code: "PERMISSION_DENIED", message: "the token has run out", retryable: false, details: {} };
    gateway.last.answer(gateway.last.frames[0]!, { success: false, error });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(connection.state).toEqual({ name: "refused", message: "the token has run out" });
    expect(gateway.channels).toHaveLength(1);
    connection.start();
    expect(gateway.channels).toHaveLength(2);
  });

  it("stays away for as long as a gateway that is too busy says", async () => {
    connection.start();
    await settle();
    const error = { code: "TRANSACTION_FAILED", message: "draining", retryable: true, retryAfterMs: 7000, details: {} };
    gateway.last.answer(gateway.last.frames[0]!, { success: false, error });
    await settle();
    expect(connection.state).toMatchObject({ name: "waiting", delayMs: 7000 });
    await vi.advanceTimersByTimeAsync(6_999);
    expect(gateway.channels).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(gateway.channels).toHaveLength(2);
  });

  it("gives up a gateway that takes the connection and then says nothing", async () => {
    connection.start();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(gateway.channels[0]!.closedByClient).toBe(true);
    expect(connection.state.name).toBe("waiting");
  });

  it("does not listen to a channel that it has given up", async () => {
    await open();
    const heard = vi.fn();
    connection.on("event", heard);
    const old = gateway.last;
    connection.reconnect();
    old.say("gameState:updated", {});
    old.lose(3500);
    expect(heard).not.toHaveBeenCalled();
    expect(connection.state.name).toBe("connecting");
  });

  it("drops a connection on which something other than JSON comes", async () => {
    await open();
    gateway.last.raw("<html>");
    expect(connection.state.name).toBe("waiting");
  });

  it("opens nothing more once it is stopped", async () => {
    await open();
    gateway.last.lose();
    connection.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.channels).toHaveLength(1);
    expect(connection.state.name).toBe("stopped");
  });
});

describe("a token", () => {
  const START = Date.UTC(2026, 0, 1);
  const webToken = (seconds: number): string => `e30.${btoa(JSON.stringify({ sub: "gm", exp: START / 1000 + seconds }))}.x`;
  let tokens: string[];

  beforeEach(() => {
    vi.setSystemTime(START);
    tokens = [];
    connection = new Connection({ transport: gateway, token: () => tokens.shift() ?? Promise.reject(new Error("nobody is logged in")), random: () => 0.5 });
  });

  async function openWith(...next: string[]): Promise<void> {
    tokens = next;
    await open();
    expect(connection.state.name).toBe("open");
  }

  it("is replaced on the open connection before it ends, again and again", async () => {
    const second = webToken(7200);
    await openWith(webToken(3600), second, "opaque");
    await vi.advanceTimersByTimeAsync(3_569_000);
    expect(gateway.last.asked("auth:refresh")).toEqual([]);
    await vi.advanceTimersByTimeAsync(2_000);
    const [first] = gateway.last.asked("auth:refresh");
    expect(first!.data).toEqual({ token: second });
    // The gateway's word on the end counts more than the token's own.
    gateway.last.answer(first!, { success: true, expiresAt: START + 3_700_000 });
    await vi.advanceTimersByTimeAsync(100_000);
    const next = gateway.last.asked("auth:refresh")[1]!;
    expect(next.data).toEqual({ token: "opaque" });
    gateway.last.answer(next, { success: true });
    await vi.advanceTimersByTimeAsync(24 * 3600_000);
    expect(gateway.last.asked("auth:refresh")).toHaveLength(2);
    expect(gateway.channels).toHaveLength(1);
  });

  it("is asked for again, not too fast, while there is none or the gateway is too busy; and not again once it was refused", async () => {
    await openWith(webToken(31));
    await vi.advanceTimersByTimeAsync(5_000);
    expect(gateway.last.asked("auth:refresh")).toEqual([]);
    tokens = ["a", "b"];
    const refuse = async (retryable: boolean): Promise<void> => {
      await vi.advanceTimersByTimeAsync(5_000);
      const error = { code: "PERMISSION_DENIED", message: "", retryable, details: {} };
      gateway.last.answer(gateway.last.asked("auth:refresh").at(-1)!, { success: false, error });
    };
    await refuse(true);
    await refuse(false);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(gateway.last.asked("auth:refresh").map(({ data }) => data)).toEqual([{ token: "a" }, { token: "b" }]);
    expect(connection.state.name).toBe("open");
  });

  it("that ends in a month waits for it, though timers cannot", async () => {
    await openWith(webToken(31 * 24 * 3600), "next");
    await vi.advanceTimersByTimeAsync(30 * 24 * 3600_000);
    expect(gateway.last.asked("auth:refresh")).toEqual([]);
    await vi.advanceTimersByTimeAsync(24 * 3600_000 - 10_000);
    expect(gateway.last.asked("auth:refresh")).toHaveLength(1);
  });

  it("can be handed over when its user's rights changed, and says whether it was taken", async () => {
    await openWith("old", "new");
    const renewed = connection.renewToken();
    await settle();
    gateway.last.answer(gateway.last.asked("auth:refresh")[0]!, { success: true });
    expect(await renewed).toBe(true);
    connection.stop();
    tokens = ["newer"];
    expect(await connection.renewToken()).toBe(false);
  });
});
