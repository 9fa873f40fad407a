/** What a link to a session carries behind its `#`, where no server and no log sees it. */
export interface SessionLink {
  readonly token: string;
  readonly sessionId: string;
}

const STORED = "stateward.link";

/** Takes the link out of the address, so that it is neither shared nor kept in the history, and remembers it for this tab. */
export function takeLink(): SessionLink | undefined {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  const sessionId = fragment.get("session");
  if (token !== null && sessionId !== null) {
    sessionStorage.setItem(STORED, JSON.stringify({ token, sessionId }));
    history.replaceState(null, "", location.pathname + location.search);
  }
  return readStored();
}

function readStored(): SessionLink | undefined {
  try {
    const stored = JSON.parse(sessionStorage.getItem(STORED) ?? "null") as Partial<SessionLink> | null;
    if (typeof stored?.token === "string" && typeof stored.sessionId === "string") return { token: stored.token, sessionId: stored.sessionId };
  } catch {
    // Written by something else: as good as nothing.
  }
  return undefined;
}

/** The user that the token names. Only for what is shown: the server alone decides who may do what. */
export function userOf(token: string): string | undefined {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
    const { sub } = JSON.parse(new TextDecoder().decode(bytes)) as { sub?: unknown };
    return typeof sub === "string" ? sub : undefined;
  } catch {
    return undefined;
  }
}
