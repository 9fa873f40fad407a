/** The text of `src/generated/protocol.ts`. */
export function protocolTypes(): string;
