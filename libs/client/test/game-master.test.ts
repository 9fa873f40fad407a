import { describe, expect, it } from "vitest";

import { answer, asked, connection, gateway, join, live, replica, seen, session, SESSION, settle } from "./support/replica-stage.ts";

function say(event: string, data: object): void {
  gateway.last.say(event, { sessionId: SESSION, ...data });
}

describe("the game master's connection", () => {
  it("is as the answer to the join says, and then as each event does", async () => {
    await live({ gmConnection: { connected: true, since: 5, silentSince: 20 } });
    expect(replica.gmConnection).toEqual({ connected: true, since: 5, silentSince: 20 });
    say("heartbeat:reconnection", { gmId: "gm", reconnectedAt: 40, disconnectionDurationMs: 20 });
    say("heartbeat:timeout", { gmId: "gm", timeoutDetectedAt: 60, lastHeartbeatAt: 45, missedHeartbeats: 3 });
    say("gm:connection-status", { connected: false, since: 70, graceUntil: 80 });
    // It is gone: that it does not answer is no news.
    say("heartbeat:timeout", { gmId: "gm", timeoutDetectedAt: 75, lastHeartbeatAt: 45, missedHeartbeats: 3 });
    say("gm:connection-status", { connected: true, since: 90 });
    say("chat", { message: "back" });
    expect(seen.gmConnection).toEqual([
      { connected: true, since: 5, silentSince: 20 },
      { connected: true, since: 5 },
      { connected: true, since: 5, silentSince: 45 },
      { connected: false, since: 70, graceUntil: 80 },
      { connected: true, since: 90 },
    ]);
  });

  it("is told anew after a reconnect, and not known where the gateway does not know it", async () => {
    await live({ gmConnection: { connected: true, since: 5 } });
    gateway.last.lose();
    await settle(250);
    await join({ gmConnection: { connected: false } });
    expect(replica.gmConnection).toEqual({ connected: false });
    gateway.last.lose();
    await settle(500);
    await join();
    expect(replica.gmConnection).toBeUndefined();
  });

  it("is what an event says that was read together with the answer", async () => {
    connection.start();
    await answer("auth", { success: true });
    const { channel, frame } = await asked("gameSession:join");
    channel.answer(frame, { success: true, session: session.summary(), gmConnection: { connected: true, since: 5 } });
    say("gm:connection-status", { connected: false, since: 70 });
    await settle();
    expect(replica.gmConnection).toEqual({ connected: false, since: 70 });
  });
});
