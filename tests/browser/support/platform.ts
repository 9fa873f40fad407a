import { existsSync, readFileSync } from "node:fs";

/** What `cargo xtask up --json` prints once everything runs. */
export interface Platform {
  readonly gateway: string;
  readonly sessionId: string;
  readonly gm: User;
  readonly players: readonly User[];
  readonly outsider: User;
  readonly admin: User;
}

export interface User {
  readonly userId: string;
  readonly token: string;
}

/** The platform that `STATEWARD_PLATFORM` names: its JSON line, or a file that holds it. */
export function platform(): Platform {
  const given = process.env["STATEWARD_PLATFORM"];
  if (given === undefined || given === "") {
    throw new Error("set STATEWARD_PLATFORM to the line that `cargo xtask up --json` prints, or to a file that holds it");
  }
  return JSON.parse(existsSync(given) ? readFileSync(given, "utf8") : given) as Platform;
}

export function linkFor({ gateway, sessionId }: Platform, { token }: User): string {
  return `${gateway}/#${new URLSearchParams({ token, session: sessionId }).toString()}`;
}
