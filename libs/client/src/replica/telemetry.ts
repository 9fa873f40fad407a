/** Of a span's identity, what goes over the wire. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
  readonly isRemote?: boolean;
}

export interface Span {
  spanContext(): SpanContext;
  setAttribute(key: string, value: string | number | boolean): unknown;
  setStatus(status: { code: number; message?: string }): unknown;
  end(): void;
}

/** Of `@opentelemetry/api`, what is used here: `import * as openTelemetry from "@opentelemetry/api"` gives it. */
export interface OpenTelemetry {
  readonly trace: {
    getTracer(name: string): { startSpan(name: string, options?: { kind?: number; attributes?: Record<string, string | number | boolean> }, context?: never): Span };
    setSpanContext(context: never, spanContext: SpanContext): unknown;
  };
  readonly ROOT_CONTEXT: unknown;
}

/** Of the API's `SpanKind` and `SpanStatusCode`. */
const [CLIENT, CONSUMER, ERROR] = [2, 4, 2];
const PARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Spans of what the client does, if somebody wants to see them. Their names and attributes are those of the services. */
export class Telemetry {
  private readonly api: OpenTelemetry | undefined;
  private readonly session: Record<string, string>;

  constructor(api: OpenTelemetry | undefined, sessionId: string) {
    this.api = api;
    this.session = { "game.session.id": sessionId };
  }

  /** From the call of an update to its answer. The span that is active is its parent. */
  update(): Span | undefined {
    return this.api?.trace.getTracer("@stateward/client").startSpan("client.update.send", { kind: CLIENT, attributes: this.session });
  }

  /** From the arrival of somebody's update, which says its trace, to the state that has it. */
  applied(trace: string | undefined): Span | undefined {
    const [, traceId, spanId, flags] = PARENT.exec(trace ?? "") ?? [];
    if (this.api === undefined || flags === undefined) return undefined;
    const { trace: tracing, ROOT_CONTEXT } = this.api;
    const remote = { traceId: traceId!, spanId: spanId!, traceFlags: parseInt(flags, 16), isRemote: true };
    const parent = tracing.setSpanContext(ROOT_CONTEXT as never, remote);
    return tracing.getTracer("@stateward/client").startSpan("client.update.apply", { kind: CONSUMER, attributes: this.session }, parent as never);
  }
}

/** What the gateway goes on from. Nothing, if the span belongs to no trace. */
export function traceparent(span: Span | undefined): string | undefined {
  if (span === undefined) return undefined;
  const { traceId, spanId, traceFlags } = span.spanContext();
  return /[^0]/.test(traceId) ? `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}` : undefined;
}

/** Ends a span with what came of it: `success`, or the code of a refusal. */
export function endSpan(span: Span | undefined, result: string, version?: string): void {
  if (span === undefined) return;
  span.setAttribute("game.update.result", result);
  if (version !== undefined) span.setAttribute("game.state.version", version);
  if (result !== "success") span.setStatus({ code: ERROR, message: result });
  span.end();
}
