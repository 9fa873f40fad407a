// Colyseus, with messages: the state is a plain object in the memory of its room, and a crash loses it.
import { createServer } from "node:http";

import { matchMaker, Room, Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";

const states = new Map();

class Table extends Room {
  onCreate({ session }) {
    this.autoDispose = false;
    this.patchRate = null;
    this.maxClients = Infinity;
    const table = states.get(session) ?? { state: { characters: [] }, version: 0 };
    this.onMessage("update", (client, { id, version, operations }) => {
      if (version !== String(table.version)) return client.send("ack", { success: false, code: "VERSION_CONFLICT" });
      for (const { path, value } of operations) {
        const keys = path.split(".");
        const last = keys.pop();
        let place = table.state;
        for (const key of keys) place = place[key];
        place[last] = value;
      }
      const newVersion = String(++table.version);
      client.send("ack", { success: true, newVersion });
      this.broadcast("updated", { sessionId: session, updateId: id, operations, newVersion, timestamp: Date.now(), source: "gm" }, { except: client });
    });
  }
}

const http = createServer(async (request, response) => {
  if (!request.url.startsWith("/state/")) return;
  const parts = [];
  for await (const part of request) parts.push(part);
  states.set(request.url.slice("/state/".length), { state: JSON.parse(Buffer.concat(parts)), version: 0 });
  response.writeHead(200).end("{}");
});
const server = new Server({ transport: new WebSocketTransport({ server: http, pingInterval: 0 }), greet: false });
server.define("table", Table).filterBy(["session"]);
await server.listen(0, "127.0.0.1");
void matchMaker;
console.log(`listening ${http.address().port}`);
