import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";

import { Server } from "socket.io";
import { io } from "socket.io-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Connection, socketIoTransport } from "../src/index.ts";
import { eventually } from "./support/eventually.ts";

let http: HttpServer;
let server: Server;
let connection: Connection;
let tokens: unknown[];
let refuse: object | undefined;

beforeEach(async () => {
  http = createServer();
  server = new Server(http);
  tokens = [];
  refuse = undefined;
  server.use(({ handshake }, next) => {
    tokens.push(handshake.auth["token"]);
    next(refuse === undefined ? undefined : Object.assign(new Error("refused"), { data: refuse }));
  });
  server.on("connection", (socket) => {
    socket.on("echo", (data: unknown, answer: (answer: object) => void) => {
      answer({ success: true, data });
      socket.emit("heard", { data });
    });
    socket.on("traced", (...sent: [...unknown[], (answer: object) => void]) => {
      (sent.pop() as (answer: object) => void)({ success: true, sent });
      socket.emit("told", ...sent);
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  connection.stop();
  await server.close();
});

async function open(transports: ("polling" | "websocket")[] = ["websocket"]): Promise<void> {
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  let token = 0;
  connection = new Connection({ transport: socketIoTransport(io, url, { transports }), token: () => `token-${token++}`, backoffBaseMs: 5 });
  connection.start();
  await eventually(() => {
    expect(["open", "refused"]).toContain(connection.state.name);
  });
}

describe("the Socket.IO transport", () => {
  it.each<["polling" | "websocket"]>([["websocket"], ["polling"]])("carries the token, requests, answers and events over %s", async (transport) => {
    await open([transport]);
    expect(tokens).toEqual(["token-0"]);
    const heard = vi.fn();
    connection.on("event", heard);
    expect(await connection.request("echo", { a: 1 })).toEqual({ success: true, data: { a: 1 } });
    await eventually(() => {
      expect(heard).toHaveBeenCalledExactlyOnceWith({ name: "heard", data: { data: { a: 1 } } });
    });
  });

  it("carries the trace beside the payload both ways, and nothing there without one", async () => {
    await open();
    const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const heard = vi.fn();
    connection.on("event", heard);
    expect(await connection.request("traced", { a: 1 }, trace)).toEqual({ success: true, sent: [{ a: 1 }, { trace }] });
    expect(await connection.request("traced", { a: 1 })).toEqual({ success: true, sent: [{ a: 1 }] });
    await eventually(() => {
      expect(heard.mock.calls).toEqual([[{ name: "told", data: { a: 1 }, trace }], [{ name: "told", data: { a: 1 } }]]);
    });
  });

  it("comes back by itself with a fresh token when the transport is lost", async () => {
    await open();
    server.sockets.sockets.forEach((socket) => { socket.conn.close(); });
    await eventually(() => {
      expect(tokens).toEqual(["token-0", "token-1"]);
      expect(connection.state.name).toBe("open");
    });
  });

  it("stays away after a disconnect packet, and after a token that was refused", async () => {
    await open();
    server.disconnectSockets(true);
    await eventually(() => {
      expect(connection.state).toMatchObject({ name: "refused", code: 3500 });
    });
    refuse = { code: "PERMISSION_DENIED", message: "the token has run out", retryable: false, details: {} };
    await open();
    expect(connection.state).toEqual({ name: "refused", message: "the token has run out" });
  });
});
