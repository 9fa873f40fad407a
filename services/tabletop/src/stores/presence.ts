import type { Connection } from "@stateward/client";
import { useGameSessionStore, useGameStateStore } from "@stateward/client/pinia";
import { defineStore } from "pinia";
import { computed, ref, watch } from "vue";

import { isRecord } from "../domain/read.ts";
import { useAuthStore } from "./auth.ts";

export interface Person {
  readonly userId: string;
  readonly name: string;
  readonly isGM: boolean;
  readonly isSelf: boolean;
  readonly isHere: boolean;
}

/** Who takes part, and who of them is connected. By user: a second tab is nobody else. */
export const usePresenceStore = defineStore("presence", () => {
  const session = useGameSessionStore();
  const game = useGameStateStore();
  const auth = useAuthStore();
  const here = ref(new Set<string>());
  const names = ref(new Map<string, string>());
  /** While nobody knows it is not said that anything is wrong. */
  const gameMaster = computed(() => session.gameMaster ?? "here");

  const people = computed<Person[]>(() => {
    const summary = session.session;
    if (summary === null) return [];
    const members = new Map<string, string | undefined>([[summary.gameMasterId, nameOfGameMaster(summary.gameMasterId)]]);
    for (const { userId, name } of summary.participants) if (!members.has(userId)) members.set(userId, name);
    // Who was game master before a hand-over takes part all the same.
    for (const userId of here.value) if (!members.has(userId)) members.set(userId, undefined);
    return [...members].map(([userId, name]) => {
      const isSelf = userId === auth.userId;
      const known = name ?? names.value.get(userId) ?? (isSelf ? auth.user?.name : undefined) ?? userId;
      const isGM = userId === summary.gameMasterId;
      // One whose connection broke may come back without having left, and is not here all the same.
      const isHere = isSelf ? game.state === "live" : here.value.has(userId) && !(isGM && gameMaster.value === "gone");
      return { userId, name: known, isGM, isSelf, isHere };
    });
  });

  function nameOfGameMaster(userId: string): string | undefined {
    const { gameMaster: member, participants } = session.session!;
    return (member.userId === userId ? member.name : undefined) ?? participants.find((one) => one.userId === userId)?.name;
  }

  function nameOf(userId: string): string {
    return people.value.find((person) => person.userId === userId)?.name ?? names.value.get(userId) ?? userId;
  }

  function follow(connection: Connection, sessionId: string): void {
    connection.on("event", ({ name, data }) => {
      if (isRecord(data) && data["sessionId"] === sessionId) receive(name, data);
    });
    // Whoever came or went while we were away is told anew.
    connection.on("state", ({ name }) => {
      if (name !== "open") here.value = new Set();
    });
    watch(
      () => session.present,
      (present) => {
        for (const { userId, userName } of present) arrive(userId, userName);
      },
      { immediate: true },
    );
    watch(
      () => session.gmConnection?.connected,
      (connected) => {
        if (connected === true && session.gameMasterId !== null) arrive(session.gameMasterId, undefined);
      },
      { immediate: true },
    );
  }

  function receive(event: string, data: Record<string, unknown>): void {
    const { userId, userName } = data;
    if (event === "gameSession:joined" || event === "user:joined") {
      if (typeof userId === "string") arrive(userId, typeof userName === "string" ? userName : undefined);
    } else if (event === "gameSession:left" || event === "user:left") {
      if (typeof userId === "string") here.value = new Set([...here.value].filter((other) => other !== userId));
    }
  }

  function arrive(userId: string, name: string | undefined): void {
    if (name !== undefined && names.value.get(userId) !== name) names.value = new Map([...names.value, [userId, name]]);
    if (!here.value.has(userId)) here.value = new Set([...here.value, userId]);
  }

  return { people, gameMaster, nameOf, follow };
});
