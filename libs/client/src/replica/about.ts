import type { Emitter } from "../connection/emitter.ts";
import { NO_LIMITS, type Limits } from "../core/limits.ts";
import type { GmConnection, PresentUser, SessionStatus, SessionSummary } from "../core/types.ts";
import { gmConnectionAfter } from "./game-master.ts";
import type { ReplicaEvents } from "./types.ts";

/** What the answer to a join says beside the state. */
export interface Joined {
  readonly session: SessionSummary;
  readonly present?: readonly PresentUser[];
  readonly gmConnection?: GmConnection;
  readonly limits?: Partial<Limits> & { readonly frameBytes?: number };
}

/** What is known of a session beside its state: who leads it, whether it plays, and what may be sent. */
export class About {
  limits: Limits & { readonly frameBytes?: number } = NO_LIMITS;
  session: SessionSummary | undefined;
  gmConnection: GmConnection | undefined;
  private readonly emitter: Emitter<ReplicaEvents>;

  constructor(emitter: Emitter<ReplicaEvents>) {
    this.emitter = emitter;
  }

  /** What was known of the game master's connection is asked anew. */
  joining(): void {
    this.gmConnection = undefined;
  }

  joined({ session, present, gmConnection, limits }: Joined): void {
    this.session = session;
    this.limits = { ...NO_LIMITS, ...limits };
    this.emitter.emit("session", session);
    this.emitter.emit("present", present ?? []);
    // An event that was read together with the answer came after it, and is newer.
    if (this.gmConnection === undefined) this.noteGm(gmConnection);
  }

  /** An event that may be about the game master's connection. */
  heard(event: string, data: unknown): void {
    const gm = gmConnectionAfter(event, data, this.gmConnection);
    if (gm !== undefined) this.noteGm(gm);
  }

  turned(status: SessionStatus | undefined, gameMasterId?: string): void {
    if (this.session === undefined) return;
    const next = { ...this.session, status: status ?? this.session.status, gameMasterId: gameMasterId ?? this.session.gameMasterId };
    if (next.status === this.session.status && next.gameMasterId === this.session.gameMasterId) return;
    this.session = next;
    this.emitter.emit("session", next);
  }

  private noteGm(gm: GmConnection | undefined): void {
    this.gmConnection = gm;
    this.emitter.emit("gmConnection", gm);
  }
}
