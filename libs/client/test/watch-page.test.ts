import { expect, it, vi } from "vitest";

import { Connection, watchPage } from "../src/index.ts";
import { FakeGateway } from "../src/testing/index.ts";

it("checks what is held when a page comes back, and does not wait for the next attempt", async () => {
  vi.useFakeTimers();
  const gateway = new FakeGateway();
  gateway.reachable = false;
  const connection = new Connection({ transport: gateway.transport, token: () => "gm", random: () => 1 });
  const visibility: { visibilityState: DocumentVisibilityState } = { visibilityState: "hidden" };
  const page = { document: Object.assign(new EventTarget(), visibility), window: new EventTarget() };
  const check = vi.fn(() => Promise.resolve(true));
  const end = watchPage(connection, { check }, page);
  connection.start();
  await vi.advanceTimersByTimeAsync(10);
  expect(connection.state.name).toBe("waiting");
  page.document.dispatchEvent(new Event("visibilitychange"));
  expect(check).not.toHaveBeenCalled();
  page.document.visibilityState = "visible";
  page.document.dispatchEvent(new Event("visibilitychange"));
  expect(connection.state.name).toBe("connecting");
  await vi.advanceTimersByTimeAsync(10);
  page.window.dispatchEvent(new Event("online"));
  expect(connection.state.name).toBe("connecting");
  page.document.dispatchEvent(new Event("resume"));
  end();
  page.document.dispatchEvent(new Event("resume"));
  expect(check).toHaveBeenCalledTimes(2);
  connection.stop();
  vi.useRealTimers();
});
