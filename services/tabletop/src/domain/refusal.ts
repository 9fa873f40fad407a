import type { ErrorBody } from "@stateward/client";

export interface Words {
  readonly title: string;
  readonly text: string;
}

const BY_REASON: Record<string, (error: ErrorBody) => Words> = {
  NOT_GAME_MASTER: () => ({ title: "Only the game master can do that", text: "Ask them to make the change for you." }),
  NOT_A_PARTICIPANT: () => ({ title: "You are not part of this session", text: "The game master can add you to it." }),
  SESSION_PAUSED: () => ({ title: "The session is paused", text: "Nothing was changed. It can be changed again once the session is resumed." }),
  SESSION_ENDED: () => ({ title: "The session has ended", text: "Nothing was changed." }),
  SESSION_ENDING: () => ({ title: "The session is ending", text: "It is being written back. Nothing was changed." }),
  STATE_CORRUPT: () => ({ title: "The session is frozen", text: "What is stored of it does not add up. An administrator has to repair it before play goes on." }),
  RATE_LIMITED: () => ({ title: "That was too fast", text: "Nothing was changed. Try again in a moment." }),
  QUEUE_FULL: () => ({ title: "Too many changes wait", text: "The connection does not keep up. Wait until it is live again." }),
  NO_ANSWER: () => ({ title: "There was no answer", text: "Whether it was done will show in a moment." }),
  NOT_JOINED: () => ({ title: "No session is open", text: "Open the page by your link." }),
  BAD_FORMULA: ({ message }) => ({ title: "Those dice are not understood", text: message }),
  HISTORY_GONE: () => ({ title: "That is too long ago", text: "The history does not reach back so far any more." }),
  NO_SUCH_RECIPIENT: () => ({ title: "Nobody of that name is here", text: "The message was not sent." }),
};

const BY_CODE: Record<ErrorBody["code"], (error: ErrorBody) => Words> = {
  VERSION_CONFLICT: () => ({ title: "Somebody else was faster", text: "The same thing was changed meanwhile; what you see is the newest. Do it again if it is still right." }),
  VALIDATION_ERROR: ({ message, details }) => ({ title: "That change is not possible", text: `${message}${place(details)}` }),
  TRANSACTION_FAILED: ({ outcome, message }) => ({
    title: outcome === "unknown" ? "It is not known whether that was done" : "The server could not do that",
    text: outcome === "unknown" ? "What you see will be right once the connection is live." : `Nothing was changed. Try again in a moment. (${message})`,
  }),
  SESSION_NOT_FOUND: () => ({ title: "There is no such session", text: "Ask the game master for a new link." }),
  PERMISSION_DENIED: ({ message }) => ({ title: "That is not allowed", text: message }),
};

/** What was refused, in the words of people: what happened, and what to do. */
export function inWords(error: ErrorBody): Words {
  return (BY_REASON[error.details.reason ?? ""] ?? BY_CODE[error.code])(error);
}

function place({ path, limit, actual }: ErrorBody["details"]): string {
  const where = path === undefined ? "" : ` (at ${path})`;
  return limit === undefined ? where : `${where} At most ${limit}${actual === undefined ? "" : `, was ${actual}`}.`;
}
