import { readFileSync } from "node:fs";

import { expect, expectTypeOf, it } from "vitest";

import { protocolTypes, typeOf } from "../generate/protocol.mjs";
import type { ClientEvents, Connection, protocol, ServerEvents, StateAnswer, StateOperation, StateUpdate, StateUpdateBroadcast, UpdateAccepted } from "../src/index.ts";

it("the types of the wire are those that the server's schemas say: if not, `npm run generate -w @stateward/client` writes them", () => {
  expect(readFileSync(new URL("../src/generated/protocol.ts", import.meta.url), "utf8")).toBe(protocolTypes());
});

it("the tag of a union is kept beside the type that it tells apart", () => {
  const tagged = (ref: string, kind: string): object => ({ $ref: `#/$defs/${ref}`, type: "object", properties: { kind: { type: "string", const: kind } }, required: ["kind"] });
  expect(typeOf({ oneOf: [tagged("Circle", "circle"), tagged("Square", "square")] })).toBe('Circle & {\n  kind: "circle";\n} | Square & {\n  kind: "square";\n}');
  expect(typeOf({ $ref: "#/$defs/Circle", default: {} })).toBe("Circle");
  expect(typeOf({ type: "array", items: tagged("Circle", "circle") })).toBe('(Circle & {\n  kind: "circle";\n})[]');
});

it("events are typed by their names", () => {
  expectTypeOf<ClientEvents["gameState:update"]["data"]>().toEqualTypeOf<StateUpdate>();
  expectTypeOf<StateUpdate["operations"]>().toEqualTypeOf<StateOperation[]>();
  expectTypeOf<ServerEvents["gameState:updated"]>().toEqualTypeOf<StateUpdateBroadcast>();
  expectTypeOf<ClientEvents["chat"]["data"]["recipient"]>().toEqualTypeOf<protocol.Recipient>();
  expectTypeOf<ServerEvents["roll:result"]["total"]>().toEqualTypeOf<number>();
  const ask = (connection: Connection) => connection.request("roll", { sessionId: "s", formula: "d20", recipients: "gm" });
  expectTypeOf(ask).returns.resolves.toEqualTypeOf<protocol.RollResultAck>();
  const hear = (connection: Connection, listener: (roll: protocol.RollResult) => void) => connection.onEvent("roll:result", listener);
  expectTypeOf(hear).returns.toEqualTypeOf<() => void>();
  expectTypeOf<protocol.UpdateAcceptedAckSuccess>().toExtend<UpdateAccepted>();
  expectTypeOf<protocol.StateAnswerAckSuccess>().toExtend<StateAnswer>();
});
