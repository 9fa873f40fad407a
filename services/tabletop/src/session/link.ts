/** What a link to a session carries behind its `#`, where no server and no log sees it. */
export interface SessionLink {
  readonly token: string;
  readonly sessionId: string;
}

/** The user that a token names. Only for what is shown: the server alone decides who may do what. */
export interface TokenUser {
  readonly userId: string;
  readonly name: string;
}

const STORED = "stateward.link";

/** Reads a fragment, a whole link, or what somebody pasted of one. */
export function readLink(text: string): SessionLink | undefined {
  const fragment = new URLSearchParams(text.slice(text.indexOf("#") + 1).trim());
  const token = fragment.get("token");
  const sessionId = fragment.get("session");
  return token === null || sessionId === null || token === "" || sessionId === "" ? undefined : { token, sessionId };
}

/** Takes the link out of the address, so that it is neither shared nor kept in the history, and remembers it for this tab. */
export function takeLink(): SessionLink | undefined {
  const link = readLink(location.hash);
  if (link !== undefined) {
    storeLink(link);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return storedLink();
}

export function storeLink(link: SessionLink): void {
  sessionStorage.setItem(STORED, JSON.stringify(link));
}

export function forgetLink(): void {
  sessionStorage.removeItem(STORED);
}

function storedLink(): SessionLink | undefined {
  try {
    const stored = JSON.parse(sessionStorage.getItem(STORED) ?? "null") as Partial<SessionLink> | null;
    if (typeof stored?.token === "string" && typeof stored.sessionId === "string") return { token: stored.token, sessionId: stored.sessionId };
  } catch {
    // Written by something else: as good as nothing.
  }
  return undefined;
}

export function userOf(token: string): TokenUser | undefined {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { sub, name } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown; name?: unknown };
    return typeof sub === "string" ? { userId: sub, name: typeof name === "string" ? name : sub } : undefined;
  } catch {
    return undefined;
  }
}
