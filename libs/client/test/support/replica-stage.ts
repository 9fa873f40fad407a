import { afterEach, beforeEach, expect, vi } from "vitest";

import {
  Connection,
  emptyState,
  GameState,
  Replica,
  type FullState,
  type ReplicaEvents,
  type SessionSummary,
  type StateOperation,
  type StateUpdateBroadcast,
} from "../../src/index.ts";
import { ScriptedGateway, type ScriptedChannel } from "./scripted.ts";

export const SESSION = "s1";

/** The session as the server has it: what it would broadcast and answer. */
class Session {
  readonly game = GameState.from({ ...emptyState(), characters: [{ id: "a", hp: 10 }] });
  readonly broadcasts: StateUpdateBroadcast[] = [];
  epoch = "e1";
  version = 0;

  change(operations: StateOperation[], fields: Partial<StateUpdateBroadcast> = {}): StateUpdateBroadcast {
    const { resolved } = this.game.apply(operations);
    const broadcast: StateUpdateBroadcast = {
      sessionId: SESSION,
      operations: resolved,
      newVersion: String(++this.version),
      expectedHash: this.game.hash(),
      epoch: this.epoch,
      timestamp: 1000 + this.version,
      source: "gm",
      updateId: `u${this.version}`,
      kind: "update",
      ...fields,
    };
    this.broadcasts.push(broadcast);
    return broadcast;
  }

  hit(hp: number): StateUpdateBroadcast {
    return this.change([{ path: "characters.0.hp", operation: "set", value: hp }]);
  }

  head() {
    const { epoch, version } = this;
    return { sessionId: SESSION, gameStateVersion: String(version), gameStateHash: this.game.hash(), epoch, timestamp: 1, status: "active" as const };
  }

  full(): FullState & { success: true } {
    return { success: true, ...this.head(), gameState: structuredClone(this.game.root) };
  }

  since(version: number): object {
    return { success: true, ...this.head(), updates: this.broadcasts.slice(version) };
  }

  summary(): SessionSummary {
    return { id: SESSION, status: "active", gameMasterId: "gm", epoch: this.epoch } as SessionSummary;
  }
}

export let session: Session;
export let gateway: ScriptedGateway;
export let connection: Connection;
export let replica: Replica;
export let seen: { [Name in keyof ReplicaEvents]: ReplicaEvents[Name][] };

beforeEach(() => {
  vi.useFakeTimers();
  session = new Session();
  gateway = new ScriptedGateway();
  connection = new Connection({ transport: gateway, token: () => "t", random: () => 0.5 });
  let id = 0;
  replica = new Replica({ connection, sessionId: SESSION, random: () => 0.5, newId: () => `id${id++}` });
  seen = { state: [], session: [], present: [], gmConnection: [], replaced: [], updated: [], painted: [], queue: [], fault: [] };
  for (const name of Object.keys(seen) as (keyof ReplicaEvents)[]) replica.on(name, (payload) => (seen[name] as unknown[]).push(payload));
});

afterEach(() => {
  replica.stop();
  connection.stop();
  vi.useRealTimers();
});

export async function settle(ms = 0): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** Waits until the gateway was asked this for the n-th time on the present channel. */
export async function asked(event: string, nth = 0): Promise<{ channel: ScriptedChannel; frame: { event: string; id?: number; data: unknown } }> {
  for (let wait = 0; wait < 1000; wait++) {
    await settle(wait === 0 ? 0 : 10);
    const frame = gateway.channels.at(-1)?.asked(event)[nth];
    if (frame !== undefined) return { channel: gateway.last, frame };
  }
  throw new Error(`never asked ${event} number ${nth}`);
}

export async function answer(event: string, data: object, nth = 0): Promise<unknown> {
  const { channel, frame } = await asked(event, nth);
  channel.answer(frame, data);
  await settle();
  return frame.data;
}

export async function join(more: object = {}): Promise<void> {
  await answer("auth", { success: true });
  await answer("gameSession:join", { success: true, session: session.summary(), ...more });
}

export async function live(more: object = {}): Promise<void> {
  connection.start();
  await join(more);
  await answer("gameState:requestFull", session.full());
  expect(replica.state.name).toBe("live");
}

export function expectAtHead(): void {
  expect(replica.head).toMatchObject({ epoch: session.epoch, version: String(session.version), hash: session.game.hash() });
  expect(replica.gameState).toEqual(session.game.root);
}
