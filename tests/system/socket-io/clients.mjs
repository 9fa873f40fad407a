// The clients of the table: `socket.io-client` as npm has it, and a WebSocket with JSON frames. Both offer the same four functions.

import { createRequire } from "node:module";

import { io } from "socket.io-client";

// What `socket.io-client` itself connects with in Node.
const { WebSocket } = createRequire(createRequire(import.meta.url).resolve("engine.io-client"))("ws");

/** Opens a client over `transport`; `heard` is told of every event with its data. */
export function open(transport, url, token, heard) {
  return transport === "plain" ? openPlain(url, token, heard) : openSocketIo(transport, url, token, heard);
}

async function openSocketIo(transport, url, token, heard) {
  const transports = { websocket: ["websocket"], upgrade: ["polling", "websocket"], polling: ["polling"] }[transport];
  const socket = io(url, { transports, auth: { token }, withCredentials: true, forceNew: true, reconnectionDelay: 20 });
  socket.onAny((name, data) => heard(name, data));
  await new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("connect_error", reject);
  });
  if (transport === "upgrade" && socket.io.engine.transport.name !== "websocket") {
    await new Promise((resolve) => socket.io.engine.once("upgrade", resolve));
  }
  return {
    ask: (name, data) => socket.timeout(60_000).emitWithAck(name, data),
    /** What carries it now. */
    carrier: () => socket.io.engine.transport.name,
    /** The connection breaks; the client comes back by itself. */
    break: async () => {
      const back = new Promise((resolve) => socket.once("connect", resolve));
      socket.io.engine.close();
      await back;
    },
    close: () => socket.disconnect(),
  };
}

async function openPlain(url, token, heard) {
  const waiting = new Map();
  let socket;
  let id = 0;
  const ask = (event, data) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      socket.send(JSON.stringify({ event, id, data }));
    });
  const connect = async () => {
    socket = new WebSocket(`${url.replace("http", "ws")}/ws`);
    socket.on("message", (text) => {
      const { event, id, data } = JSON.parse(text);
      if (event !== "ack") heard(event, data);
      else {
        waiting.get(id)(data);
        waiting.delete(id);
      }
    });
    await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
    const answer = await ask("auth", { token });
    if (!answer.success) throw new Error(answer.error.message);
  };
  await connect();
  return {
    ask,
    carrier: () => "websocket",
    break: async () => {
      const gone = new Promise((resolve) => socket.once("close", resolve));
      socket.terminate();
      await gone;
      await connect();
    },
    close: () => socket.close(),
  };
}
