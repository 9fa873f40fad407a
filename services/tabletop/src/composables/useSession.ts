import { inject, type InjectionKey } from "vue";

import type { OpenSession } from "../session/open.ts";

export const SESSION: InjectionKey<OpenSession> = Symbol("session");

/** The session that the page is open on. Below the table only: elsewhere there is none. */
export function useSession(): OpenSession {
  const session = inject(SESSION);
  if (session === undefined) throw new Error("this component belongs under an open session");
  return session;
}
