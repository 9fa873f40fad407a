export { FakeGateway, type FakeGatewayOptions } from "./fake-gateway.ts";
export { FakeSession } from "./fake-session.ts";
export { NO_FAULTS, type Faults } from "./faults.ts";
export { seededRandom } from "./random.ts";
