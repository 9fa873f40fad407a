import { useGameSessionStore, useGameStateStore } from "@stateward/client/pinia";
import { watch } from "vue";

import { isRecord, text } from "../domain/read.ts";
import type { OpenSession } from "../session/open.ts";
import { useNotificationsStore } from "../stores/notifications.ts";
import { usePresenceStore } from "../stores/presence.ts";

/** Tells in words what happens to the session itself, whoever did it. */
export function useSessionNews({ connection, sessionId }: OpenSession): void {
  const { tell } = useNotificationsStore();
  const session = useGameSessionStore();
  const game = useGameStateStore();
  const presence = usePresenceStore();

  connection.on("event", ({ name, data }) => {
    if (!isRecord(data) || data["sessionId"] !== sessionId) return;
    if (name === "encounter:started") tell("info", "The encounter begins");
    else if (name === "encounter:ended") tell("info", "The encounter is over");
    else if (name === "gameState:error") tell("bad", "Something is wrong with the session", text(isRecord(data["error"]) ? data["error"]["message"] : ""));
  });

  watch(
    () => session.status,
    (now, before) => {
      if (before === null || game.isGM) return;
      if (now === "paused") tell("warn", "The session is paused", "Nothing changes until the game master resumes it.", "session");
      else if (now === "active" && before === "scheduled") tell("good", "The session begins", "", "session");
      else if (now === "active" && before === "paused") tell("good", "The session goes on", "", "session");
      else if (now === "ended") tell("info", "The session is over", "Thank you for playing. What happened is written back to the campaign.", "session");
    },
  );

  watch(
    () => session.gameMasterId,
    (now, before) => {
      if (before === null || now === null || now === before) return;
      tell("info", game.isGM ? "You are the game master now" : `${presence.nameOf(now)} is the game master now`);
    },
  );

  watch(
    () => presence.gameMaster,
    (now) => {
      // Only who is expected back has lost a connection: another has left, or was given the role while away.
      if (now === "gone" && session.gmConnection?.graceUntil === undefined) tell("warn", "The game master is not here", "Play waits for them.", "game master");
      else if (now === "gone") tell("warn", "The game master lost the connection", "Play waits for them to come back.", "game master");
      else if (now === "silent") tell("warn", "The game master does not answer", "Their page is connected, but it is still. Play waits for it.", "game master");
      else tell("good", "The game master is back", "", "game master");
    },
  );

  // What is found wrong is repaired by itself, but not in silence.
  watch(
    () => game.error,
    (error) => {
      if (error?.startsWith("HASH_MISMATCH") === true) tell("warn", "This screen had to be repaired", "What it showed was not what the server has. The state is loaded anew.");
    },
  );
}
