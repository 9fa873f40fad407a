export * from "./core/index.ts";
export { Connection, NoAnswer, type ConnectionEvents, type ConnectionOptions, type ConnectionState } from "./connection/connection.ts";
export { socketIoTransport, type Io, type SocketIoOptions, type SocketIoSocket } from "./connection/socket-io.ts";
export { webSocketTransport, type Channel, type Transport, type TransportListener } from "./connection/transport.ts";
export { Replica } from "./replica/replica.ts";
export type { OpenTelemetry, Span, SpanContext } from "./replica/telemetry.ts";
export type { Intent, UpdateOptions } from "./queue/types.ts";
export type { Head, KeptState, ReactiveState, ReplicaEvents, ReplicaOptions, ReplicaState } from "./replica/types.ts";
export { watchPage, type PageEvents } from "./replica/watch-page.ts";
