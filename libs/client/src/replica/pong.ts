import type { Connection } from "../connection/connection.ts";
import type { UpdateQueue } from "../queue/update-queue.ts";

export interface Ping {
  readonly sessionId: string;
  readonly pingId?: unknown;
}

/** Says that the game master is there. Nobody waits for what becomes of it: the next ping comes by itself. */
export function pong(connection: Connection, { sessionId, pingId }: Ping, timestamp: number, queue: Pick<UpdateQueue, "isUpdating" | "pending">): void {
  const clientStatus = { isProcessingActions: queue.isUpdating, queuedActionsCount: queue.pending.length, isInterfaceActive: true };
  connection.request("heartbeat:pong", { sessionId, pingId, timestamp, clientStatus }).catch(() => undefined);
}
