import { readFileSync } from "node:fs";

import type { Platform } from "./platform.ts";

type Document = Record<string, unknown>;

interface Campaign {
  readonly gameMaster: { userId: string };
  readonly players: readonly { userId: string; name: string }[];
}

function demo(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../../deploy/demo/${name}.json`, import.meta.url), "utf8"));
}

async function post(up: Platform, path: string, body: object): Promise<{ id: string }> {
  const headers = { "content-type": "application/json", authorization: `Bearer ${up.admin.token}` };
  const response = await fetch(`${up.gateway}/api${path}`, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { id: string };
}

/** At most so many bytes of documents go with one request. */
const IMPORT_BYTES = 400_000;
let made = 0;

/** The same platform with a session of its own, for a test that ends it, hands it over or fills it: of the demo's people, and its campaign with `more` actors in it. */
export async function ownSession(up: Platform, name: string, more: readonly Document[] = [], scheduledFor?: number): Promise<Platform> {
  const { gameMaster, players } = demo("campaign") as Campaign;
  const campaign = await post(up, "/campaigns", { name, gameMasterId: gameMaster.userId });
  const mark = `${Date.now().toString(36)}${made++}`;
  const kinds = ["characters", "actors", "items", "encounters"] as const;
  const documents = Object.fromEntries(kinds.map((kind) => [kind, apart(demo(kind), mark)]));
  await post(up, `/campaigns/${campaign.id}/import`, documents);
  for (const actors of parts(apart(more, mark) as Document[])) await post(up, `/campaigns/${campaign.id}/import`, { actors });
  const session = await post(up, "/sessions", {
    campaignId: campaign.id,
    name,
    gameMasterId: gameMaster.userId,
    participantIds: players.map(({ userId }) => userId),
    ...(scheduledFor === undefined ? {} : { scheduledFor }),
    participantNames: Object.fromEntries(players.map(({ userId, name: called }) => [userId, called])),
  });
  return { ...up, sessionId: session.id };
}

/** A document's id is of one campaign: those of another one are made others, and so is what refers to them. */
function apart(documents: unknown, mark: string): unknown {
  return JSON.parse(JSON.stringify(documents).replaceAll(/(?<=["{:])(char|npc|item|enc)-/g, `$1-${mark}-`));
}

function parts(documents: readonly Document[]): Document[][] {
  const all: Document[][] = [];
  let bytes = Infinity;
  for (const document of documents) {
    const size = JSON.stringify(document).length;
    if (bytes + size > IMPORT_BYTES) {
      all.push([]);
      bytes = 0;
    }
    all.at(-1)!.push(document);
    bytes += size;
  }
  return all;
}
