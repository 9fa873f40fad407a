import { Connection, SessionCommands, watchPage, webSocketTransport } from "@stateward/client";
import { BrowserKeep, useGameStateStore } from "@stateward/client/pinia";

import { useAuthStore } from "../stores/auth.ts";
import { useChatStore } from "../stores/chat.ts";
import { useNotificationsStore } from "../stores/notifications.ts";
import { usePresenceStore } from "../stores/presence.ts";
import { useSocketStore } from "../stores/socket.ts";
import { useUpdatesStore } from "../stores/updates.ts";
import { newUpdateId } from "./click-time.ts";
import type { SessionLink } from "./link.ts";

/** What a page has besides its stores once a session is open. */
export interface OpenSession {
  readonly sessionId: string;
  readonly connection: Connection;
  readonly commands: SessionCommands;
}

/** Connects the stores to the session of a link. The state of the last visit is on the screen before the network answers. */
export function openSession({ token, sessionId }: SessionLink): OpenSession {
  const url = new URL("/ws", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const connection = new Connection({ transport: webSocketTransport(url), token: () => token });
  const commands = new SessionCommands({ url: location.origin, token: () => token });
  const { userId } = useAuthStore();
  const game = useGameStateStore();
  const { tell } = useNotificationsStore();

  game.connect({
    connection,
    userId,
    keep: new BrowserKeep({
      userId,
      onFault: () => {
        tell("warn", "This device keeps nothing of the session", "There is no room, or storage is switched off. After a reload the state is loaded again.");
      },
    }),
    replica: { newId: newUpdateId },
  });
  useSocketStore().follow(connection);
  useChatStore().follow(connection, sessionId, userId);
  usePresenceStore().follow(connection, sessionId);
  useUpdatesStore().follow();
  // A refusal is on the screen by the store's state.
  game.joinSession(sessionId).catch(() => undefined);
  watchPage(connection, { check: () => game.refresh() });
  addEventListener("pagehide", () => void game.save());
  connection.start();
  return { sessionId, connection, commands };
}
