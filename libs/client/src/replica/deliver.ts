import { backoffMs } from "../connection/backoff.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";
import type { Ack, StateUpdate, UpdateAccepted } from "../core/types.ts";

export interface DeliveryOptions {
  readonly now: () => number;
  readonly random: () => number;
  /** An update whose outcome is unknown is sent again for so long. */
  readonly settleMs: number;
}

/** Sends an update until its outcome is known: each time the same, so that the server knows it again and answers its first result. */
export async function deliver(connection: Connection, update: StateUpdate, { now, random, settleMs }: DeliveryOptions): Promise<Ack<UpdateAccepted>> {
  const until = now() + settleMs;
  for (let attempt = 0; ; attempt++) {
    const answer = await sendOnce(connection, update);
    if (answer.success || !(answer.error.outcome === "unknown" || answer.error.retryable) || now() >= until) return answer;
    const ms = Math.max(answer.error.retryAfterMs ?? 0, retryMs(attempt, random));
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

async function sendOnce(connection: Connection, update: StateUpdate): Promise<Ack<UpdateAccepted>> {
  try {
    return await connection.request<UpdateAccepted>("gameState:update", update);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    return {
      success: false,
      error: { code: "TRANSACTION_FAILED", message: error.message, retryable: true, outcome: "unknown", details: { reason: "NO_ANSWER" } },
    };
  }
}

/** How long to wait before asking again. */
export function retryMs(attempt: number, random: () => number): number {
  return backoffMs(attempt, { baseMs: 100, capMs: 5_000, random });
}

export function notSent(message: string): Ack<UpdateAccepted> {
  return { success: false, error: { code: "TRANSACTION_FAILED", message, retryable: true, outcome: "not_applied", details: { reason: "NOT_READY" } } };
}
