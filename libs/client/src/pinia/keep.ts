import type { KeptState } from "../replica/types.ts";

/** What is kept of the last session, besides its state. `isGM` is for what is shown first: the server decides who may do what. */
export interface KeptIds {
  readonly sessionId: string;
  readonly isGM: boolean;
  readonly gameStateVersion: string | null;
  readonly gameStateHash: string | null;
}

/** Where a user's sessions are kept between visits. */
export interface Keep {
  lastSession(): KeptIds | undefined;
  load(sessionId: string): Promise<KeptState | undefined>;
  save(ids: KeptIds, state: KeptState): Promise<void>;
  /** Forgets all of this user. */
  wipe(): Promise<void>;
}

export interface BrowserKeepOptions {
  readonly userId: string;
  readonly origin?: string;
  readonly indexedDB?: IDBFactory;
  readonly localStorage?: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  /** Something could not be kept, such as for want of room. From then on nothing is, until the page is loaded again. */
  readonly onFault?: (error: unknown) => void;
}

const DATABASE = "stateward";
const STATES = "states";
/** A database that another tab holds back is not waited for. */
const OPEN_MS = 1_000;

/** The state in IndexedDB, which has room for it; the ids in localStorage, which a page can read at once. Apart by origin, user and session. */
export class BrowserKeep implements Keep {
  private readonly prefix: string;
  private readonly databases: IDBFactory;
  private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">;
  private readonly onFault: (error: unknown) => void;
  private broken = false;

  constructor({ userId, origin = location.origin, indexedDB: databases = indexedDB, localStorage: storage = localStorage, onFault }: BrowserKeepOptions) {
    this.prefix = JSON.stringify([origin, userId]);
    this.databases = databases;
    this.storage = storage;
    this.onFault = onFault ?? (() => undefined);
  }

  lastSession(): KeptIds | undefined {
    try {
      const kept = JSON.parse(this.storage.getItem(this.key()) ?? "null") as Partial<KeptIds> | null;
      if (typeof kept?.sessionId !== "string") return undefined;
      const { sessionId, isGM = false, gameStateVersion = null, gameStateHash = null } = kept;
      return { sessionId, isGM, gameStateVersion, gameStateHash };
    } catch {
      // Written by something else, or storage is forbidden here: as good as nothing.
      return undefined;
    }
  }

  async load(sessionId: string): Promise<KeptState | undefined> {
    try {
      return await this.within<KeptState | undefined>("readonly", (states) => states.get(this.key(sessionId)) as IDBRequest<KeptState | undefined>);
    } catch (error) {
      this.fault(error);
      return undefined;
    }
  }

  async save(ids: KeptIds, state: KeptState): Promise<void> {
    if (this.broken) return;
    try {
      this.storage.setItem(this.key(), JSON.stringify(ids));
      await this.within("readwrite", (states) => states.put(state, this.key(ids.sessionId)));
    } catch (error) {
      this.fault(error);
    }
  }

  async wipe(): Promise<void> {
    try {
      this.storage.removeItem(this.key());
      // All keys of this user, and no other, begin with the prefix.
      const all = IDBKeyRange.bound(this.prefix, `${this.prefix}\uffff`);
      await this.within("readwrite", (states) => states.delete(all));
    } catch (error) {
      this.fault(error);
    }
  }

  private key(sessionId?: string): string {
    return sessionId === undefined ? `stateward:${this.prefix}` : `${this.prefix}${sessionId}`;
  }

  private fault(error: unknown): void {
    this.broken = true;
    this.onFault(error);
  }

  private async within<T>(mode: IDBTransactionMode, work: (states: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const database = await this.open();
    try {
      return await new Promise<T>((resolve, reject) => {
        const transaction = database.transaction(STATES, mode);
        const request = work(transaction.objectStore(STATES));
        transaction.oncomplete = () => {
          resolve(request.result);
        };
        transaction.onabort = () => {
          reject(transaction.error ?? new Error("the transaction was aborted"));
        };
      });
    } finally {
      database.close();
    }
  }

  private open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = this.databases.open(DATABASE, 1);
      const timer = setTimeout(() => {
        reject(new Error("the database did not open in time"));
      }, OPEN_MS);
      request.onupgradeneeded = () => {
        request.result.createObjectStore(STATES);
      };
      request.onsuccess = () => {
        clearTimeout(timer);
        resolve(request.result);
      };
      request.onerror = () => {
        clearTimeout(timer);
        reject(request.error ?? new Error("the database did not open"));
      };
    });
  }
}
