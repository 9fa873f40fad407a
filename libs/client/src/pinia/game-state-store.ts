import { defineStore } from "pinia";
import { computed, reactive, ref, shallowRef, toRaw } from "vue";

import type { Connection } from "../connection/connection.ts";
import type { Ack, Entity, ServerGameState, SessionSummary, StateOperation, StateUpdate, UpdateAccepted } from "../core/types.ts";
import type { Intent, UpdateOptions } from "../queue/types.ts";
import { notSent } from "../queue/refusal.ts";
import { Replica } from "../replica/replica.ts";
import type { KeptState, ReplicaEvents, ReplicaOptions, ReplicaState } from "../replica/types.ts";
import type { Keep, KeptIds } from "./keep.ts";
import { useGameSessionStore } from "./session-store.ts";

/** Of the page's time, copying the state to keep it takes no more than one part in so many. */
const COPY_SHARE = 50;

/** What the store needs from outside: it neither logs in nor opens connections. */
export interface GameStateConnection {
  readonly connection: Connection;
  /** Whom the connection's token names. */
  readonly userId: string;
  /** Without one, nothing outlives the page. */
  readonly keep?: Keep;
  /** At most so often is the state kept; a large one less often. */
  readonly keepMs?: number;
  readonly replica?: Omit<ReplicaOptions, "connection" | "sessionId" | "reactive" | "kept">;
}

/**
 * The unified game state: one reactive object for all entities of the session, changed in place by what the server confirms.
 *
 * Read it, do not write into it: changes go through `updateGameState`.
 */
export const useGameStateStore = defineStore("gameState", () => {
  const gameState = shallowRef<ServerGameState | null>(null);
  const gameStateVersion = ref<string | null>(null);
  const gameStateHash = ref<string | null>(null);
  const sessionId = ref<string | null>(null);
  const isGM = ref(false);
  const selectedId = ref<string | null>(null);
  const loading = ref(false);
  const error = ref<string | null>(null);
  const isUpdating = ref(false);
  const updateQueue = shallowRef<StateUpdate[]>([]);
  const isVerified = ref(false);
  const state = ref<ReplicaState["name"]>("offline");
  const metadata = useGameSessionStore();

  let given: GameStateConnection | undefined;
  let replica: Replica | undefined;
  let keeping: ReturnType<typeof setTimeout> | undefined;
  /** What the last copy to keep took. */
  let copyingMs = 0;
  /** Counts joins: what an earlier one still awaits is not for a later one. */
  let visit = 0;
  const listeners = new Set<(update: ReplicaEvents["updated"]) => void>();

  const characters = computed(() => gameState.value?.characters ?? []);
  const actors = computed(() => gameState.value?.actors ?? []);
  const items = computed(() => gameState.value?.items ?? []);
  const currentEncounter = computed(() => gameState.value?.currentEncounter ?? null);
  /** Held by its id: it is always what the state has now, and null once the state has it no more. */
  const selectedCharacter = computed<Entity | null>({
    get: () => (selectedId.value === null ? null : (characters.value.find(({ id }) => id === selectedId.value) ?? null)),
    set: (character) => {
      const id = character?.["id"];
      selectedId.value = typeof id === "string" ? id : null;
    },
  });

  /** Gives the store its connection. What the last visit left of its session is named at once. */
  function connect(to: GameStateConnection): KeptIds | undefined {
    given = to;
    return to.keep?.lastSession();
  }

  /** Joins a session and follows it. Resolves when its state is at its head; what is kept of it is shown before. */
  async function joinSession(id: string): Promise<void> {
    if (given === undefined) throw new Error("connect the store before joining a session");
    leave();
    const mine = ++visit;
    const { connection, keep, replica: options } = given;
    sessionId.value = id;
    loading.value = true;
    const last = keep?.lastSession();
    isGM.value = last?.sessionId === id && last.isGM;
    const kept = await keep?.load(id);
    if (mine !== visit) return;
    const wrap = (root: ServerGameState): ServerGameState => reactive<ServerGameState>(root);
    replica = new Replica({ ...options, connection, sessionId: id, reactive: { wrap, raw: toRaw }, ...(kept === undefined ? {} : { kept }) });
    await follow(replica);
  }

  function follow(joined: Replica): Promise<void> {
    show(joined);
    joined.on("session", (session) => {
      noteSession(session);
    });
    joined.on("present", (present) => {
      metadata.present = present;
    });
    joined.on("gmConnection", (gm) => {
      metadata.gmConnection = gm ?? null;
    });
    joined.on("replaced", () => {
      show(joined);
    });
    joined.on("updated", (update) => {
      show(joined);
      for (const listener of listeners) listener(update);
    });
    joined.on("queue", (pending) => {
      updateQueue.value = [...pending];
      isUpdating.value = joined.isUpdating;
    });
    joined.on("fault", ({ reason, message }) => {
      error.value = `${reason}: ${message}`;
    });
    return new Promise((resolve, reject) => {
      const settle = (at: ReplicaState): void => {
        state.value = at.name;
        loading.value = at.name === "joining" || (at.name !== "live" && joined.gameState === undefined);
        if (at.name === "live") {
          error.value = null;
          resolve();
        } else if (at.name === "refused") {
          loading.value = false;
          error.value = at.error.message;
          reject(new Error(`${at.error.code}: ${at.error.message}`));
        }
      };
      joined.on("state", settle);
      settle(joined.state);
    });
  }

  function show({ gameState: held, head }: Replica): void {
    if (held !== undefined) gameState.value = held;
    if (head !== undefined) {
      gameStateVersion.value = head.version;
      gameStateHash.value = head.hash;
      isVerified.value = head.verified;
      keepLater();
    }
  }

  function noteSession(session: SessionSummary): void {
    metadata.session = session;
    isGM.value = session.gameMasterId === given?.userId;
  }

  /** Sends operations, or what a function of the state makes of it when its turn comes. Nothing is sent for a player. */
  async function updateGameState(change: Intent | readonly StateOperation[], options?: UpdateOptions): Promise<Ack<UpdateAccepted>> {
    const answer = await ask(change, options);
    error.value = answer.success ? null : answer.error.message;
    return answer;
  }

  async function ask(change: Intent | readonly StateOperation[], options?: UpdateOptions): Promise<Ack<UpdateAccepted>> {
    if (replica === undefined) return notSent("NOT_JOINED", "no session is joined");
    if (!isGM.value) return notSent("NOT_GAME_MASTER", "only the game master changes the game", "PERMISSION_DENIED");
    return replica.update(change, options);
  }

  /** Compares what is held with its hash, and asks the server for what is newer. For a page that comes back. */
  async function refresh(): Promise<boolean> {
    return (await replica?.check()) ?? true;
  }

  /** Leaves the session. What is kept of it stays for the next visit. */
  async function leaveSession(): Promise<void> {
    const left = sessionId.value;
    await save();
    leave();
    if (left !== null && given?.connection.state.name === "open") {
      await given.connection.request("gameSession:leave", left).catch(() => undefined);
    }
  }

  /** Leaves, and forgets all that was kept of this user. */
  async function logout(): Promise<void> {
    leave();
    await given?.keep?.wipe();
    given = undefined;
  }

  function leave(): void {
    visit++;
    clearTimeout(keeping);
    keeping = undefined;
    replica?.stop();
    replica = undefined;
    gameState.value = null;
    gameStateVersion.value = null;
    gameStateHash.value = null;
    sessionId.value = null;
    selectedId.value = null;
    error.value = null;
    isGM.value = false;
    isVerified.value = false;
    isUpdating.value = false;
    loading.value = false;
    updateQueue.value = [];
    state.value = "offline";
    metadata.session = null;
    metadata.present = [];
    metadata.gmConnection = null;
  }

  function keepLater(): void {
    if (given?.keep === undefined) return;
    keeping ??= setTimeout(() => {
      void save();
    }, Math.max(given.keepMs ?? 2_000, copyingMs * COPY_SHARE));
  }

  /** Keeps what is held now. Called by itself now and then; call it when the page is hidden. */
  async function save(): Promise<void> {
    clearTimeout(keeping);
    keeping = undefined;
    const began = performance.now();
    const kept: KeptState | undefined = replica?.snapshot();
    copyingMs = performance.now() - began;
    if (kept === undefined || sessionId.value === null) return;
    const { version, hash } = kept;
    await given?.keep?.save({ sessionId: sessionId.value, isGM: isGM.value, gameStateVersion: version, gameStateHash: hash }, kept);
  }

  /** The real stream of confirmed operations, in order. Gives the function that ends it. */
  function onUpdate(listener: (update: ReplicaEvents["updated"]) => void): () => void {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  return {
    gameState,
    gameStateVersion,
    gameStateHash,
    sessionId,
    isGM,
    selectedCharacter,
    loading,
    error,
    isUpdating,
    updateQueue,
    isVerified,
    state,
    characters,
    actors,
    items,
    currentEncounter,
    connect,
    joinSession,
    leaveSession,
    updateGameState,
    refresh,
    save,
    logout,
    onUpdate,
  };
});

export type GameStateStore = ReturnType<typeof useGameStateStore>;
