import type { ConnectionState, Head, ReplicaState, SessionSummary } from "@stateward/client";

/** An element that index.html has. */
export function element<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

function setText(id: string, text: string): void {
  const found = element(id, HTMLElement);
  if (found.textContent !== text) found.textContent = text;
}

export function showHead(head: Head): void {
  setText("version", head.version);
  setText("hash", head.hash);
  element("hash", HTMLElement).title = head.hash;
  setText("changed", new Date(head.timestamp).toLocaleTimeString());
  setText("verified", head.verified ? "✓ verified" : "not verified");
  element("verified", HTMLElement).dataset["verified"] = String(head.verified);
}

export function showSession(session: SessionSummary, userId: string | undefined): void {
  const isGameMaster = session.gameMasterId === userId;
  setText("session-name", session.name);
  document.title = `${session.name} – Stateward`;
  setText("session-status", session.status);
  setText("role", isGameMaster ? "game master" : "player");
  element("role", HTMLElement).dataset["role"] = isGameMaster ? "gm" : "player";
  element("update", HTMLFormElement).hidden = !isGameMaster;
}

const CONNECTION = { stopped: "offline", connecting: "connecting…", open: "connected", waiting: "reconnecting…", refused: "refused" } as const;
const REPLICA = { offline: "offline", joining: "joining…", "catching-up": "catching up…", live: "live", refused: "refused" } as const;

/** One word for both: the replica's once there is a connection, else the connection's. */
export function showState(connection: ConnectionState, replica: ReplicaState): void {
  const open = connection.name === "open";
  setText("connection", open ? REPLICA[replica.name] : CONNECTION[connection.name]);
  element("connection", HTMLElement).dataset["state"] = open ? replica.name : connection.name;
  if (connection.name === "refused") notice(`The server refused the connection: ${connection.message}`);
  else if (replica.name === "refused") notice(`${replica.error.code}: ${replica.error.message}`);
  else if (open && replica.name === "live") notice("");
}

export function notice(text: string): void {
  setText("notice", text);
}

const CHANGES_SHOWN = 5;

export function showChange(version: string, text: string): void {
  const list = element("changes", HTMLOListElement);
  const item = document.createElement("li");
  const number = document.createElement("b");
  number.textContent = version;
  item.append(number, ` ${text}`);
  item.title = text;
  list.prepend(item);
  while (list.children.length > CHANGES_SHOWN) list.lastElementChild?.remove();
}
