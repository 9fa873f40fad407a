// What a good engineer writes in an afternoon: socket.io with the MongoDB driver, the state in memory, a targeted $set with the
// version as its filter. Durable like ours (majority, journal); without hashes, history, roll-back, and with one process for ever.
import { createServer } from "node:http";

import { MongoClient } from "mongodb";
import { Server } from "socket.io";

const [url, database] = process.argv.slice(2);
// A write is tried once, as ours is: MongoDB keeps a record of each one that may be tried again.
const client = await new MongoClient(url, { writeConcern: { w: "majority", journal: true }, retryWrites: false }).connect();
const sessions = client.db(database).collection("cachedSessions");
const http = createServer();
const io = new Server(http, { transports: ["websocket"], perMessageDeflate: false, maxHttpBufferSize: 256 * 1024, pingInterval: 25_000 });

/** Of each session: its state and version, and the updates that wait their turn. */
const cache = new Map();

function load(id) {
  let session = cache.get(id);
  if (!session) {
    session = { ready: sessions.findOne({ _id: id }).then((found) => Object.assign(session, found)), turn: Promise.resolve() };
    cache.set(id, session);
  }
  return session.ready;
}

function apply(state, { path, operation, value }) {
  if (operation !== "set" || typeof path !== "string") throw new Error("only set is supported");
  const keys = path.split(".");
  const last = keys.pop();
  let place = state;
  for (const key of keys) {
    place = place[key];
    if (place === null || typeof place !== "object") throw new Error(`no such place: ${path}`);
  }
  const previous = place[last];
  place[last] = value;
  return () => (place[last] = previous);
}

async function update(socket, { id, sessionId, version, operations }, ack) {
  const session = await load(sessionId);
  if (session.version !== version) return ack({ success: false, error: { code: "VERSION_CONFLICT", currentVersion: session.version } });
  const undo = [];
  try {
    const set = {};
    for (const operation of operations) {
      undo.unshift(apply(session.gameState, operation));
      set[`gameState.${operation.path}`] = operation.value;
    }
    const newVersion = String(Number(version) + 1);
    const written = await sessions.updateOne({ _id: sessionId, version }, { $set: { ...set, version: newVersion } });
    if (written.modifiedCount !== 1) throw new Error("somebody else wrote it");
    session.version = newVersion;
    ack({ success: true, newVersion });
    socket.to(sessionId).emit("gameState:updated", { sessionId, updateId: id, operations, newVersion, timestamp: Date.now(), source: "gm" });
  } catch (error) {
    for (const putBack of undo) putBack();
    ack({ success: false, error: { code: "TRANSACTION_FAILED", message: error.message } });
  }
}

io.on("connection", (socket) => {
  socket.on("gameSession:join", async (sessionId, ack) => {
    const session = await load(sessionId);
    await socket.join(sessionId);
    ack({ success: true, sessionId, gameStateVersion: session.version });
  });
  socket.on("gameState:requestFull", async (sessionId, ack) => {
    const session = await load(sessionId);
    ack({ success: true, sessionId, gameStateVersion: session.version, gameState: session.gameState });
  });
  socket.on("gameState:update", async (message, ack) => {
    await load(message.sessionId);
    const session = cache.get(message.sessionId);
    session.turn = session.turn.then(() => update(socket, message, ack));
  });
});

// Room for everybody who comes back at once, as our gateway has it.
http.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(`listening ${http.address().port}`));
