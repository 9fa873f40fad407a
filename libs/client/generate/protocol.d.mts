/** The text of `src/generated/protocol.ts`. */
export function protocolTypes(): string;
/** The type of what a schema takes. */
export function typeOf(schema: object): string;
