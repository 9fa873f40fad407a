import { NoAnswer, type Ack, type Connection } from "@stateward/client";
import { defineStore } from "pinia";
import { computed, ref, shallowRef } from "vue";

import { isRecord, list, number, text } from "../domain/read.ts";

export type RollRecipients = "public" | "private" | "gm";
export type ChatRecipient = { readonly type: "session" } | { readonly type: "gm" } | { readonly type: "user"; readonly id: string };

interface Posted {
  readonly id: string;
  readonly timestamp: number;
  readonly userId: string;
  readonly userName: string;
}

export interface SaidLine extends Posted {
  readonly kind: "said";
  readonly message: string;
  readonly recipient: ChatRecipient;
}

export interface RollLine extends Posted {
  readonly kind: "roll";
  readonly formula: string;
  readonly rolls: readonly { readonly die: string; readonly result: number; readonly kept: boolean }[];
  readonly modifier: number;
  readonly total: number;
  readonly recipients: RollRecipients;
  readonly reason: string;
}

export type ChatLine = SaidLine | RollLine;

const KEPT = 300;

/** What was said and rolled. It is kept on this device by itself, beside the game's state. */
export const useChatStore = defineStore("chat", () => {
  const lines = shallowRef<readonly ChatLine[]>([]);
  const readAt = ref(0);
  const isOpen = ref(true);
  const unread = computed(() => (isOpen.value ? 0 : lines.value.filter(({ timestamp }) => timestamp > readAt.value).length));
  let connection: Connection | undefined;
  let sessionId = "";
  let key = "";

  function follow(to: Connection, session: string, userId: string): void {
    connection = to;
    sessionId = session;
    key = `stateward.chat:${JSON.stringify([userId, session])}`;
    lines.value = readKept(key);
    to.on("event", ({ name, data }) => {
      if (!isRecord(data) || data["sessionId"] !== sessionId) return;
      const line = name === "chat" ? readSaid(data) : name === "roll:result" ? readRoll(data) : undefined;
      if (line !== undefined) add(line);
    });
  }

  /** Sorted in by time, once: what is kept on the server comes again at each join. */
  function add(line: ChatLine): void {
    if (lines.value.some(({ id }) => id === line.id)) return;
    const after = lines.value.findLastIndex(({ timestamp }) => timestamp <= line.timestamp) + 1;
    lines.value = lines.value.toSpliced(after, 0, line).slice(-KEPT);
    if (isOpen.value) readAt.value = Math.max(readAt.value, line.timestamp);
    keep();
  }

  function say(message: string, recipient: ChatRecipient): Promise<Ack<object>> {
    return ask("chat", { sessionId, message, recipient });
  }

  async function roll(formula: string, recipients: RollRecipients, reason?: string): Promise<Ack<object>> {
    const answer = await ask("roll", { sessionId, formula, recipients, ...(reason === undefined ? {} : { reason }) });
    const line = answer.success ? readRoll({ ...answer }) : undefined;
    if (line !== undefined) add(line);
    return answer;
  }

  async function ask(event: string, data: object): Promise<Ack<object>> {
    try {
      return await connection!.request(event, data);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      return { success: false, error: { code: "TRANSACTION_FAILED", message: error.message, retryable: true, outcome: "unknown", details: { reason: "NO_ANSWER" } } };
    }
  }

  function opened(open: boolean): void {
    isOpen.value = open;
    if (open) readAt.value = lines.value.at(-1)?.timestamp ?? 0;
  }

  function keep(): void {
    try {
      localStorage.setItem(key, JSON.stringify(lines.value));
    } catch {
      // No room, or storage is forbidden: the server keeps what everybody may read.
    }
  }

  function forget(): void {
    localStorage.removeItem(key);
    lines.value = [];
  }

  return { lines, unread, follow, add, say, roll, opened, forget };
});

function readKept(key: string): ChatLine[] {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "[]") as unknown;
    return list(kept).filter((line): line is ChatLine => isRecord(line) && typeof line["id"] === "string" && (line["kind"] === "said" || line["kind"] === "roll"));
  } catch {
    return [];
  }
}

function readSaid(data: Record<string, unknown>): SaidLine | undefined {
  const { id, sender, recipient } = data;
  if (typeof id !== "string" || !isRecord(sender)) return undefined;
  const userId = text(sender["id"]);
  return {
    kind: "said",
    id,
    timestamp: number(data["timestamp"]),
    userId,
    userName: text(sender["name"], userId),
    message: text(data["message"]),
    recipient: readRecipient(recipient),
  };
}

function readRecipient(recipient: unknown): ChatRecipient {
  if (isRecord(recipient) && recipient["type"] === "user") return { type: "user", id: text(recipient["id"]) };
  return isRecord(recipient) && recipient["type"] === "gm" ? { type: "gm" } : { type: "session" };
}

function readRoll(data: Record<string, unknown>): RollLine | undefined {
  const { id, recipients } = data;
  if (typeof id !== "string") return undefined;
  const userId = text(data["userId"]);
  return {
    kind: "roll",
    id,
    timestamp: number(data["timestamp"]),
    userId,
    userName: text(data["userName"], userId),
    formula: text(data["formula"]),
    rolls: list(data["rolls"]).filter(isRecord).map(({ die, result, kept }) => ({ die: typeof die === "number" ? `d${die}` : text(die), result: number(result), kept: kept !== false })),
    modifier: number(data["modifier"]),
    total: number(data["total"]),
    recipients: recipients === "private" || recipients === "gm" ? recipients : "public",
    reason: text(data["reason"]),
  };
}
