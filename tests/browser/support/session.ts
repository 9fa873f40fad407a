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

/** The same platform with a session of its own, for a test that ends it, hands it over or fills it: of the demo's people, and its campaign with `more` in it. */
export async function ownSession(up: Platform, name: string, more: { readonly actors?: readonly Document[] } = {}): Promise<Platform> {
  const { gameMaster, players } = demo("campaign") as Campaign;
  const campaign = await post(up, "/campaigns", { name, gameMasterId: gameMaster.userId });
  const actors = [...(demo("actors") as Document[]), ...(more.actors ?? [])];
  const documents = { characters: demo("characters"), actors, items: demo("items"), encounters: demo("encounters") };
  await post(up, `/campaigns/${campaign.id}/import`, documents);
  const session = await post(up, "/sessions", {
    campaignId: campaign.id,
    name,
    gameMasterId: gameMaster.userId,
    participantIds: players.map(({ userId }) => userId),
    participantNames: Object.fromEntries(players.map(({ userId, name: called }) => [userId, called])),
  });
  return { ...up, sessionId: session.id };
}
