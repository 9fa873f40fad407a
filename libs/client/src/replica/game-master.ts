import type { GmConnection } from "../core/types.ts";
import type { ServerEvents } from "../generated/protocol.ts";

/** How it is with the game master's connection after an event; undefined if the event is about something else. */
export function gmConnectionAfter(event: string, data: unknown, before: GmConnection | undefined): GmConnection | undefined {
  const since = before?.connected === true && before.since !== undefined ? { since: before.since } : {};
  switch (event) {
    case "gm:connection-status": {
      const { connected, since, graceUntil } = data as ServerEvents["gm:connection-status"];
      return { connected, since, ...(graceUntil === undefined ? {} : { graceUntil }) };
    }
    case "heartbeat:timeout":
      // One who is gone is told of as gone.
      return before?.connected === false ? undefined : { ...since, connected: true, silentSince: (data as ServerEvents["heartbeat:timeout"]).lastHeartbeatAt };
    case "heartbeat:reconnection":
      return { ...since, connected: true };
    default:
      return undefined;
  }
}
