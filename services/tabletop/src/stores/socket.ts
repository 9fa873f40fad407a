import type { Connection, ConnectionState } from "@stateward/client";
import { useGameStateStore } from "@stateward/client/pinia";
import { defineStore } from "pinia";
import { computed, shallowRef } from "vue";

/** One word for the whole way to the session, as it is shown. */
export type SyncName = "stopped" | "connecting" | "waiting" | "refused" | "joining" | "catching-up" | "live" | "offline";

const WORDS: Record<SyncName, string> = {
  stopped: "Offline",
  offline: "Offline",
  connecting: "Connecting",
  waiting: "Reconnecting",
  refused: "Refused",
  joining: "Joining",
  "catching-up": "Catching up",
  live: "Live",
};

/** Of states that are kept for a diagnosis. */
const KEPT = 40;

/** The connection as it stands: the state is not in here, nor is anything of the game. */
export const useSocketStore = defineStore("socket", () => {
  const game = useGameStateStore();
  const connection = shallowRef<ConnectionState>({ name: "stopped" });
  const history = shallowRef<readonly { at: number; state: string }[]>([]);
  /** When the state on the screen was last known to be the newest. */
  const lostAt = shallowRef<number | undefined>();

  const sync = computed<SyncName>(() => (connection.value.name === "open" ? game.state : connection.value.name));
  const word = computed(() => WORDS[sync.value]);
  const isLive = computed(() => sync.value === "live");

  function follow(to: Connection): void {
    const note = (state: ConnectionState): void => {
      connection.value = state;
      lostAt.value = state.name === "open" ? undefined : (lostAt.value ?? Date.now());
      history.value = [...history.value.slice(1 - KEPT), { at: Date.now(), state: state.name }];
    };
    to.on("state", note);
    note(to.state);
  }

  return { connection, history, lostAt, sync, word, isLive, follow };
});
