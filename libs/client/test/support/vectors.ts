import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { JsonValue, Limits, PathSegment, Previous, StateOperation } from "../../src/index.ts";

const VECTORS = new URL("../../../../tests/vectors/", import.meta.url).pathname;

interface RejectionCase {
  reason: string;
  operation?: number;
  path?: string;
}

export interface ApplyCase {
  name: string;
  fixture?: string;
  state?: JsonValue;
  stateText?: string;
  operations?: unknown;
  operationsText?: string;
  limits?: Partial<Limits>;
  result: { state?: JsonValue; hash?: string; previous?: Previous[]; resolved?: StateOperation[]; rejection?: RejectionCase };
}

export interface ApplyFile {
  file: string;
  about: string;
  fixtures?: Record<string, JsonValue>;
  cases: ApplyCase[];
}

export interface PathCase {
  path: unknown;
  segments?: PathSegment[];
  rejection?: string;
}

export interface NumberCase {
  literal: string;
  canonical?: string;
  rejection?: string;
}

export interface ValueCase {
  name: string;
  text: string;
  canonical?: string;
  hash?: string;
  rejection?: string;
}

export interface VersionFile {
  valid: string[];
  invalid: string[];
  validNext: { current: string | null; incoming: string; valid: boolean }[];
  increment: { from: string | null; to: string }[];
}

export function applyFiles(): ApplyFile[] {
  return readdirSync(join(VECTORS, "apply"))
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => ({ ...(read(join("apply", file)) as Omit<ApplyFile, "file">), file }));
}

export function read(file: string): unknown {
  return JSON.parse(readFileSync(join(VECTORS, file), "utf8"));
}
