import type { Ack, ErrorBody, SessionStatus, SessionSummary } from "../core/types.ts";

/** What a command led to. */
export interface Commanded {
  status: SessionStatus;
  newVersion?: string;
  epoch: string;
  timestamp: number;
  session: SessionSummary;
}

export interface SessionCommandsOptions {
  /** Of the gateway: `https://play.example`. */
  readonly url: string | URL;
  readonly token: () => string | Promise<string>;
  readonly fetch?: typeof fetch;
}

/** The game master's commands on a session, by the gateway's REST interface. What they change comes to everybody as a version. */
export class SessionCommands {
  private readonly options: Required<SessionCommandsOptions>;

  constructor(options: SessionCommandsOptions) {
    this.options = { fetch: (...request) => fetch(...request), ...options };
  }

  start(sessionId: string, reason?: string): Promise<Ack<Commanded>> {
    return this.post(sessionId, "start", { reason });
  }

  pause(sessionId: string, reason?: string): Promise<Ack<Commanded>> {
    return this.post(sessionId, "pause", { reason });
  }

  resume(sessionId: string, reason?: string): Promise<Ack<Commanded>> {
    return this.post(sessionId, "resume", { reason });
  }

  /** Answered once all is written back, or with the status `ending` if that takes longer. */
  end(sessionId: string, reason?: string): Promise<Ack<Commanded>> {
    return this.post(sessionId, "end", { reason });
  }

  /** Back to the state at a version, as a new version. */
  undo(sessionId: string, version: string, reason?: string): Promise<Ack<Commanded>> {
    return this.post(sessionId, "undo", { version, reason });
  }

  /** Somebody who takes part is the game master from now on. */
  handOver(sessionId: string, gameMasterId: string, reason?: string): Promise<Ack<Commanded>> {
    return this.post(sessionId, "hand-over", { gameMasterId, reason });
  }

  private async post(sessionId: string, command: string, body: object): Promise<Ack<Commanded>> {
    const url = new URL(`/api/sessions/${encodeURIComponent(sessionId)}/${command}`, this.options.url);
    try {
      const headers = { "content-type": "application/json", authorization: `Bearer ${await this.options.token()}` };
      const response = await this.options.fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
      const answer = (await response.json()) as unknown;
      return response.ok ? { success: true, ...(answer as Commanded) } : { success: false, error: refusal(answer) };
    } catch (error) {
      // Without an answer nobody knows whether it was carried out: the next version will tell.
      return { success: false, error: unanswered(error) };
    }
  }
}

function refusal(answer: unknown): ErrorBody {
  const { code, message, retryable = false, details = {}, ...rest } = (answer ?? {}) as Partial<ErrorBody>;
  if (code === undefined || message === undefined) return unanswered("the answer is not one of this interface");
  return { ...rest, code, message, retryable, details };
}

function unanswered(cause: unknown): ErrorBody {
  const why = cause instanceof Error ? cause.message : String(cause);
  return { code: "TRANSACTION_FAILED", message: `there was no answer: ${why}`, retryable: true, outcome: "unknown", details: { reason: "NO_ANSWER" } };
}
