import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { Connection, Replica, type Ack, type UpdateAccepted } from "../src/index.ts";
import { FakeGateway, type Faults } from "../src/testing/index.ts";

const PLAYERS = ["ana", "ben"];

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function gatewayWith(faults: Partial<Faults> = {}, seed = 1): FakeGateway {
  const characters = [0, 1, 2].map((index) => ({ id: `c${index}`, hp: 10 }));
  return new FakeGateway({ participantIds: PLAYERS, gameState: { characters }, faults, seed, history: 5 });
}

interface Client {
  readonly connection: Connection;
  readonly replica: Replica;
  stop(): void;
}

function client(gateway: FakeGateway, user: string): Client {
  const connection = new Connection({ transport: gateway.transport, token: () => user, answerMs: 2_000 });
  const replica = new Replica({ connection, sessionId: gateway.session.id, silenceMs: 5_000, settleMs: 600_000 });
  connection.start();
  return {
    connection,
    replica,
    stop: () => {
      replica.stop();
      connection.stop();
    },
  };
}

async function until(reached: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !reached(); waited += 50) {
    if (waited > 1_200_000) throw new Error(`never ${what}`);
    await vi.advanceTimersByTimeAsync(50);
  }
}

function atHead({ session }: FakeGateway, { replica }: Client): boolean {
  return replica.state.name === "live" && replica.head?.epoch === session.epoch && replica.head.version === session.version;
}

async function expectAllAtHead(gateway: FakeGateway, clients: Client[]): Promise<void> {
  await until(() => clients.every((one) => atHead(gateway, one)), "at the head");
  for (const { replica } of clients) {
    expect(replica.gameState).toEqual(gateway.session.game.root);
    expect(replica.head!.hash).toBe(gateway.session.game.hash());
  }
}

const newVersion = (answer: Ack<UpdateAccepted>): number => (answer.success ? Number(answer.newVersion) : NaN);

describe("the queue", () => {
  it("gives 100 calls at once 100 versions, each call its own", async () => {
    const gateway = gatewayWith({ delayMs: [1, 20] });
    const clients = ["gm", ...PLAYERS].map((user) => client(gateway, user));
    const answers = Promise.all(
      Array.from({ length: 100 }, (_, index) => clients[0]!.replica.update([{ path: ["pluginData", `k${index}`], operation: "set", value: index }])),
    );
    await expectAllAtHead(gateway, clients).then(() => until(() => gateway.session.version === "100", "done"));
    const versions = (await answers).map(newVersion);
    expect(versions).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    versions.forEach((version, index) => {
      expect(gateway.session.journal[version - 1]!.broadcast.operations).toEqual([{ path: `pluginData.k${index}`, operation: "set", value: index }]);
    });
    await expectAllAtHead(gateway, clients);
    for (const one of clients) one.stop();
    await vi.advanceTimersByTimeAsync(100);
  });
});

const FAULTS = fc.record({
  drop: fc.double({ min: 0, max: 0.4, noNaN: true }),
  duplicate: fc.double({ min: 0, max: 0.4, noNaN: true }),
  reorder: fc.double({ min: 0, max: 0.4, noNaN: true }),
  delayMs: fc.constantFrom<[number, number]>([0, 0], [0, 30], [100, 300]),
  conflict: fc.double({ min: 0, max: 0.4, noNaN: true }),
  disconnect: fc.double({ min: 0, max: 0.3, noNaN: true }),
  loseAnswer: fc.double({ min: 0, max: 0.2, noNaN: true }),
});

const CALL = fc.record({ kind: fc.constantFrom("intent", "inc", "push", "epoch"), character: fc.nat(2), optimistic: fc.boolean(), pause: fc.nat(300) });

describe("replicas", () => {
  it("converge whatever is dropped, duplicated, reordered, delayed, in conflict or cut; each intent is done exactly once", { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(FAULTS, fc.integer(), fc.array(CALL, { minLength: 1, maxLength: 25 }), async (faults, seed, calls) => {
        const gateway = gatewayWith(faults, seed);
        const clients = ["gm", ...PLAYERS].map((user) => client(gateway, user));
        const gm = clients[0]!.replica;
        const answers: Promise<Ack<UpdateAccepted>>[] = [];
        const sums = [10, 10, 10];
        let pushed = 0;
        for (const { kind, character, optimistic, pause } of calls) {
          if (kind === "epoch") {
            // A repair ends the history: whether what was on its way is in it, nobody can be told. So nothing is on its way.
            if (answers.length > 0) await until(() => gm.pending.length === 0, "settled");
            gateway.session.newEpoch();
            gateway.disconnect();
          } else if (kind === "push") {
            pushed++;
            answers.push(gm.update([{ path: "items", operation: "push", value: { id: `i${pushed}` } }], { optimistic }));
          } else if (kind === "inc") {
            sums[character]! += 1;
            answers.push(gm.update([{ path: ["characters", { id: `c${character}` }, "hp"], operation: "inc", value: 1 }], { optimistic }));
          } else {
            sums[character]! += 2;
            const intent = gm.update(({ characters }) => [
              { path: `characters.${character}.hp`, operation: "set", value: (characters[character]!["hp"] as number) + 2 },
            ], { optimistic });
            answers.push(intent);
          }
          await vi.advanceTimersByTimeAsync(pause);
        }
        await until(() => gm.pending.length === 0, "settled");
        const failed = (await Promise.all(answers)).filter((answer) => !answer.success);
        expect(failed).toEqual([]);
        await expectAllAtHead(gateway, clients);
        expect(gateway.session.game.root.characters.map((character) => character["hp"])).toEqual(sums);
        expect(gateway.session.game.root.items.map((item) => item["id"])).toEqual(Array.from({ length: pushed }, (_, index) => `i${index + 1}`));
        for (const one of clients) one.stop();
        await vi.advanceTimersByTimeAsync(1000);
      }),
      { numRuns: Number(process.env["STATEWARD_CONVERGENCE_CASES"] ?? 300) },
    );
  });
});
