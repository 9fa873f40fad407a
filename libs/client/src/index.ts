export * from "./core/index.ts";
export { Connection, NoAnswer, type ConnectionEvents, type ConnectionOptions, type ConnectionState } from "./connection/connection.ts";
export { webSocketTransport, type Channel, type Transport, type TransportListener } from "./connection/transport.ts";
export { Replica } from "./replica/replica.ts";
export type { Head, ReplicaEvents, ReplicaOptions, ReplicaState } from "./replica/types.ts";
