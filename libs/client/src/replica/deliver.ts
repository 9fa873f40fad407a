import { backoffMs } from "../connection/backoff.ts";
import { NoAnswer, type Connection } from "../connection/connection.ts";
import type { Ack, Refused, StateUpdate, UpdateAccepted } from "../core/types.ts";

export interface DeliveryOptions {
  readonly now: () => number;
  readonly random: () => number;
  /** An update whose outcome is unknown is sent again for so long. */
  readonly settleMs: number;
  /** The `traceparent` that it is sent under. */
  readonly trace?: string | undefined;
}

/** Sends an update until its outcome is known: each time the same, so that the server knows it again and answers its first result. */
export async function deliver(connection: Connection, update: StateUpdate, { now, random, settleMs, trace }: DeliveryOptions): Promise<Ack<UpdateAccepted>> {
  const until = now() + settleMs;
  let unknown = false;
  for (let attempt = 0; ; attempt++) {
    const answer = await sendOnce(connection, update, trace);
    // A conflict is found by looking at the versions committed: it settles what was unknown, or says that nothing can.
    if (answer.success || answer.error.code === "VERSION_CONFLICT") return answer;
    unknown ||= answer.error.outcome === "unknown";
    if (!(unknown || answer.error.retryable)) return answer;
    // A later delivery that was refused says nothing of an earlier one that may still land.
    if (now() >= until || !(answer.error.retryable || answer.error.outcome === "unknown")) return unknown ? asUnknown(answer) : answer;
    const ms = Math.max(answer.error.retryAfterMs ?? 0, retryMs(attempt, random));
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

function asUnknown({ error }: Refused): Refused {
  return { success: false, error: { ...error, outcome: "unknown" } };
}

async function sendOnce(connection: Connection, update: StateUpdate, trace: string | undefined): Promise<Ack<UpdateAccepted>> {
  try {
    return await connection.request<UpdateAccepted>("gameState:update", update, trace);
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
