// ShareDB with its MongoDB adapter: operational transformation, every operation kept, majority and journal like ours.
import { createServer } from "node:http";

import { MongoClient } from "mongodb";
import ShareDB from "sharedb";
import ShareDbMongo from "sharedb-mongo";
import { WebSocketServer } from "ws";
import { Duplex } from "node:stream";

const [url, database] = process.argv.slice(2);
const address = new URL(url);
address.pathname = `/${database}`;
address.searchParams.set("w", "majority");
address.searchParams.set("journal", "true");
const db = new ShareDbMongo({ mongo: (callback) => MongoClient.connect(address.href).then((client) => callback(null, client), callback) });
const backend = new ShareDB({ db });
const http = createServer();
const sockets = new WebSocketServer({ server: http, perMessageDeflate: false });

/** Messages of one socket as the stream of objects that ShareDB listens to. */
function streamOf(socket) {
  const stream = new Duplex({
    objectMode: true,
    read() {},
    write(message, _encoding, next) {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message));
      next();
    },
  });
  socket.on("message", (data) => stream.push(JSON.parse(data)));
  socket.on("close", () => stream.destroy());
  return stream;
}

sockets.on("connection", (socket) => backend.listen(streamOf(socket)));

// A document is made by whoever posts its state.
http.on("request", async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const document = backend.connect().get("sessions", request.url.slice(1));
  document.create(JSON.parse(Buffer.concat(parts)), (error) => response.writeHead(error ? 500 : 200).end(error ? String(error) : "{}"));
});

http.listen(0, "127.0.0.1", () => console.log(`listening ${http.address().port}`));
