// A table as a script: join, update, chat, roll, reconnect, catch up, pause, end. Prints what everyone was answered and told, without
// what differs from time to time, as one line of JSON: the same line whatever carries it.
//
//   node table.mjs '{"transport": "websocket" | "upgrade" | "polling" | "plain", "urls": [...], "session", "gm", "player"}'
//
// With several urls a proxy stands before them that keeps each client at one, by a cookie.

import { clearTimeout, setTimeout } from "node:timers";

import { open } from "./clients.mjs";
import { sticky } from "./sticky.mjs";

const { transport, urls, session, gm: gmToken, player: playerToken } = JSON.parse(process.argv[2]);
const proxy = urls.length > 1 ? await sticky(urls) : undefined;
const url = proxy?.url ?? urls[0];

const VOLATILE = new Set(["timestamp", "epoch", "traceId", "createdAt", "lastStateUpdate", "sync", "since", "present", "presentCount", "limits", "features"]);
const RANDOM = new Set(["id", "result", "total", "campaignId", "expectedHash", "newHash", "gameStateHash", "hash", "updateId"]);
/** What this script names itself stays as it is. */
const isOurs = (value) => value === session || /^u\d+$/.test(String(value));

/** Without times and random values; ids of the session by one name. */
function plain(value) {
  if (Array.isArray(value)) return value.map(plain);
  if (value === session) return "THE SESSION";
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([name]) => !VOLATILE.has(name));
  return Object.fromEntries(kept.map(([name, inner]) => [name, RANDOM.has(name) && !isOurs(inner) ? typeof inner : plain(inner)]));
}

class Seat {
  constructor(name) {
    this.name = name;
    this.told = [];
    this.answers = [];
    this.waiting = [];
  }

  async sit(token) {
    this.client = await open(transport, url, token, (event, data) => {
      // Told by a clock, and of the game master's coming before the player's: neither has a place in the script.
      if (event.startsWith("heartbeat:") || event === "gm:connection-status" || (/joined|left/.test(event) && data.userId === "gm")) return;
      this.told.push([event, plain(data)]);
      this.waiting = this.waiting.filter((waits) => !waits());
    });
  }

  async ask(event, data) {
    const answer = await this.client.ask(event, data);
    this.answers.push([event, plain(answer)]);
    return answer;
  }

  /** Until it has been told of an event so many times. */
  hears(event, times = 1) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.name} was not told of ${event}: ${JSON.stringify(this.told)}`)), 120_000);
      const check = () => {
        if (this.told.filter(([name]) => name === event).length < times) return false;
        clearTimeout(late);
        resolve();
        return true;
      };
      if (!check()) this.waiting.push(check);
    });
  }
}

const [gm, player] = [new Seat("the game master"), new Seat("the player")];
const update = (version, value) => ({
  id: `u${version}`, sessionId: session, version: String(version), timestamp: 1, source: "gm",
  operations: [{ path: "pluginData.round", operation: "set", value }],
});

await gm.sit(gmToken);
await gm.ask("gameSession:join", session);
await player.sit(playerToken);
await player.ask("gameSession:join", session);
await gm.hears("user:joined");
const carriers = [gm.client.carrier(), player.client.carrier()];

await player.ask("gameState:requestFull", session);
await gm.ask("gameState:update", update(0, { name: "Überfall ☠", turn: 1 }));
await player.hears("gameState:updated");
await player.ask("gameState:update", update(1, 2));
await gm.ask("gameState:update", update(0, 3));
await player.ask("chat", { sessionId: session, message: "Well met — 🎲", recipient: { type: "session" } });
await Promise.all([gm.hears("chat"), player.hears("chat")]);
await player.ask("chat", { sessionId: session, message: "psst", recipient: { type: "gm" } });
await Promise.all([gm.hears("chat", 2), player.hears("chat", 2)]);
await player.ask("roll", { sessionId: session, formula: "2d6+3", recipients: "public" });
await Promise.all([gm.hears("roll:result"), player.hears("roll:result")]);
await gm.ask("encounter:start", { sessionId: session, encounterId: "e1" });
await player.hears("encounter:started");
await gm.ask("token:move", { sessionId: session });

await player.client.break();
await gm.hears("user:left");
await gm.ask("gameState:update", update(1, 4));
const rejoined = player.told.length;
await player.ask("gameSession:join", session);
await gm.hears("user:joined", 2);
// What was said for all is told again to who joins.
await Promise.all([player.hears("chat", 3), player.hears("roll:result", 2)]);
await player.ask("gameState:requestFull", session);
await gm.ask("gameState:update", update(2, 5));
await player.hears("gameState:updated", 2);
await gm.ask("gm:session-control", { sessionId: session, action: "pause" });
await Promise.all([gm.hears("gameSession:paused"), player.hears("gameSession:paused")]);
await gm.ask("gm:session-control", { sessionId: session, action: "resume" });
await Promise.all([gm.hears("gameSession:resumed"), player.hears("gameSession:resumed")]);
await gm.ask("gameSession:end", session);
await Promise.all([gm.hears("gameSession:ended"), player.hears("gameSession:ended")]);

gm.client.close();
player.client.close();
const seen = { gm: { told: gm.told, answers: gm.answers }, player: { told: player.told, answers: player.answers }, rejoined };
console.log(JSON.stringify({ carriers, served: proxy?.served(), seen: seen }));
process.exit(0);
