import { Rejection } from "../core/rejection.ts";
import type { ErrorBody, ErrorCode, Refused } from "../core/types.ts";

/** A refusal that the client itself gives, before anything was sent. */
export function notSent(reason: string, message: string, code: ErrorCode = "TRANSACTION_FAILED"): Refused {
  return { success: false, error: { code, message, retryable: code === "TRANSACTION_FAILED", outcome: "not_applied", details: { reason } } };
}

/** What the server would say to the same operations. */
export function invalid(error: unknown): Refused {
  if (!(error instanceof Rejection)) throw error;
  const { reason, operation, path, limit, actual } = error;
  const details: ErrorBody["details"] = {
    reason,
    ...(operation === undefined ? {} : { operation }),
    ...(path === undefined ? {} : { path }),
    ...(limit === undefined ? {} : { limit }),
    ...(actual === undefined ? {} : { actual }),
  };
  return { success: false, error: { code: "VALIDATION_ERROR", message: error.message, retryable: false, outcome: "not_applied", details } };
}
