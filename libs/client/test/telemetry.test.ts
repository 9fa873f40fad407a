import * as openTelemetry from "@opentelemetry/api";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, it } from "vitest";

import { Connection, Replica, type OpenTelemetry, type Transport } from "../src/index.ts";
import { FakeGateway } from "../src/testing/index.ts";
import { eventually } from "./support/eventually.ts";

const exporter = new InMemorySpanExporter();

beforeAll(() => {
  openTelemetry.trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
});

afterAll(() => {
  openTelemetry.trace.disable();
});

beforeEach(() => {
  exporter.reset();
});

function client(gateway: Pick<FakeGateway, "session" | "transport">, user: string, api?: OpenTelemetry): { replica: Replica; connection: Connection } {
  const connection = new Connection({ transport: gateway.transport, token: () => user });
  const replica = new Replica({ connection, sessionId: gateway.session.id, ...(api === undefined ? {} : { openTelemetry: api }) });
  connection.start();
  return { replica, connection };
}

async function live(...replicas: Replica[]): Promise<void> {
  await eventually(() => {
    expect(replicas.map(({ state }) => state.name)).toEqual(replicas.map(() => "live"));
  });
}

describe("the spans of an update", () => {
  it("take the real API", () => {
    expectTypeOf<typeof openTelemetry>().toExtend<OpenTelemetry>();
  });

  it("are one trace from the game master's call to the player's state", async () => {
    const gateway = new FakeGateway({ participantIds: ["ana"] });
    const [gm, ana] = [client(gateway, "gm", openTelemetry), client(gateway, "ana", openTelemetry)];
    await live(gm.replica, ana.replica);
    await gm.replica.update([{ path: "pluginData.round", operation: "set", value: 1 }]);
    await eventually(() => {
      expect(ana.replica.head!.version).toBe("1");
    });
    const [sent, applied] = ["client.update.send", "client.update.apply"].map((name) => exporter.getFinishedSpans().filter((span) => span.name === name));
    expect([sent, applied]).toMatchObject([[{ kind: openTelemetry.SpanKind.CLIENT }], [{ kind: openTelemetry.SpanKind.CONSUMER }]]);
    expect(applied![0]!.parentSpanContext).toMatchObject({ traceId: sent![0]!.spanContext().traceId, spanId: sent![0]!.spanContext().spanId, isRemote: true });
    const attributes = { "game.session.id": "session-1", "game.state.version": "1", "game.update.result": "success" };
    expect(sent![0]!.attributes).toEqual({ ...attributes, "game.update.id": gateway.session.journal[0]!.broadcast.updateId });
    expect(applied![0]!.attributes).toEqual(attributes);
    for (const { replica, connection } of [gm, ana]) {
      replica.stop();
      connection.stop();
    }
  });

  it("tell the code of a refusal, and nothing of what was in it", async () => {
    const gateway = new FakeGateway();
    const gm = client(gateway, "gm", openTelemetry);
    await live(gm.replica);
    await gm.replica.update([{ path: "characters.7.secret", operation: "set", value: "secret" }]);
    const [span] = exporter.getFinishedSpans();
    expect(span).toMatchObject({ status: { code: openTelemetry.SpanStatusCode.ERROR, message: "VALIDATION_ERROR" }, attributes: { "game.update.result": "VALIDATION_ERROR" } });
    expect(JSON.stringify([span!.attributes, span!.events, span!.status])).not.toMatch(/secret/);
    gm.replica.stop();
    gm.connection.stop();
  });

  it("cost nothing and send nothing where nobody asked for them, and where tracing is off", async () => {
    const gateway = new FakeGateway();
    const frames: string[] = [];
    const transport: Transport = {
      open: (listener) => {
        const channel = gateway.transport.open(listener);
        return {
          close: () => {
            channel.close();
          },
          send: (text) => {
            frames.push(text);
            channel.send(text);
          },
        };
      },
    };
    openTelemetry.trace.disable();
    const gm = client({ session: gateway.session, transport }, "gm", openTelemetry);
    await live(gm.replica);
    expect(await gm.replica.update([{ path: "pluginData.round", operation: "set", value: 1 }])).toMatchObject({ success: true });
    expect(frames.length).toBeGreaterThan(3);
    expect(frames.filter((text) => text.includes('"trace"'))).toEqual([]);
    gm.replica.stop();
    gm.connection.stop();
  });
});
