import type { Connection } from "../connection/connection.ts";
import type { Replica } from "./replica.ts";

/** Of a page's `document` and `window`, what is listened to. */
export interface PageEvents {
  readonly document: Pick<Document, "visibilityState" | "addEventListener" | "removeEventListener">;
  readonly window: Pick<Window, "addEventListener" | "removeEventListener">;
}

/**
 * A page that was hidden, frozen or without a network may have missed anything, its own timers included:
 * when it comes back, what is held is checked and the head asked for, without waiting. Gives the function that ends it.
 */
export function watchPage(connection: Connection, check: Pick<Replica, "check">, page: PageEvents = { document, window }): () => void {
  const back = (): void => {
    if (connection.state.name === "waiting") connection.reconnect();
    void check.check();
  };
  const visible = (): void => {
    if (page.document.visibilityState === "visible") back();
  };
  const online = (): void => {
    if (connection.state.name === "waiting") connection.reconnect();
  };
  page.document.addEventListener("visibilitychange", visible);
  page.document.addEventListener("resume", back);
  page.window.addEventListener("online", online);
  return () => {
    page.document.removeEventListener("visibilitychange", visible);
    page.document.removeEventListener("resume", back);
    page.window.removeEventListener("online", online);
  };
}
