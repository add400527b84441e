// Conversations in IndexedDB. Messages are records of their own and metadata is changed field by
// field inside of transactions, so that tabs that write at once keep each other's work.

import type { Conversation, Message, Meta } from "./types";

const kBatch = 500;

export type Change = { kind: "meta" | "message" | "removed"; conversation: string };

/** Where conversations are kept. */
export interface Store {
  list(): Promise<Meta[]>;
  load(id: string): Promise<Conversation | null>;
  /**
   * Stores a conversation, or adds to one that is there: of two versions the newer metadata, of
   * messages all.
   */
  merge(conversation: Conversation): Promise<void>;
  /** Changes some fields; false when the conversation is gone. */
  patch(id: string, changes: Partial<Meta>): Promise<boolean>;
  /** Stores a message; false when its conversation was deleted meanwhile. */
  putMessage(message: Message): Promise<boolean>;
  remove(id: string): Promise<void>;
  /** Gives all messages in batches, until `see` returns false. */
  scan(see: (messages: Message[]) => boolean): Promise<void>;
}

export async function loadAll(store: Store): Promise<Conversation[]> {
  const conversations = new Map<string, Conversation>();
  for (const meta of await store.list()) conversations.set(meta.id, { meta, messages: new Map() });
  await store.scan((batch) => {
    for (const message of batch) {
      conversations.get(message.conversation)?.messages.set(message.id, message);
    }
    return true;
  });
  return [...conversations.values()];
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function settled(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () =>
      reject(transaction.error ?? new Error("the browser stopped a write"));
    transaction.onerror = () => reject(transaction.error);
  });
}

export class Database implements Store {
  private constructor(private readonly db: IDBDatabase) {}

  static async open(name = "hearth"): Promise<Database> {
    const request = indexedDB.open(name, 1);
    request.onupgradeneeded = () => {
      const db = request.result;
      db.createObjectStore("conversations", { keyPath: "id" });
      db.createObjectStore("messages", { keyPath: "id" }).createIndex(
        "conversation",
        "conversation",
      );
    };
    const db = await result(request);
    // A newer page in another tab may need another shape of the database.
    db.onversionchange = () => db.close();
    return new Database(db);
  }

  close() {
    this.db.close();
  }

  async list(): Promise<Meta[]> {
    const store = this.db.transaction("conversations").objectStore("conversations");
    return result(store.getAll() as IDBRequest<Meta[]>);
  }

  async load(id: string): Promise<Conversation | null> {
    const transaction = this.db.transaction(["conversations", "messages"]);
    const meta = result(
      transaction.objectStore("conversations").get(id) as IDBRequest<Meta | undefined>,
    );
    const index = transaction.objectStore("messages").index("conversation");
    const messages = result(index.getAll(id) as IDBRequest<Message[]>);
    const [found, all] = await Promise.all([meta, messages]);
    return found ? { meta: found, messages: new Map(all.map((m) => [m.id, m])) } : null;
  }

  async merge({ meta, messages }: Conversation): Promise<void> {
    const transaction = this.db.transaction(["conversations", "messages"], "readwrite");
    const done = settled(transaction);
    const metas = transaction.objectStore("conversations");
    const store = transaction.objectStore("messages");
    const present = metas.get(meta.id) as IDBRequest<Meta | undefined>;
    present.onsuccess = () => {
      if (!present.result || present.result.changed < meta.changed) metas.put(meta);
    };
    for (const message of messages.values()) {
      const there = store.get(message.id) as IDBRequest<Message | undefined>;
      there.onsuccess = () => {
        const old = there.result;
        // The same number in another conversation would take a message away from there.
        if (old && (old.conversation !== meta.id || old.text.length >= message.text.length)) return;
        store.put(message);
      };
    }
    await done;
  }

  async patch(id: string, changes: Partial<Meta>): Promise<boolean> {
    const transaction = this.db.transaction("conversations", "readwrite");
    const done = settled(transaction);
    const store = transaction.objectStore("conversations");
    let found = false;
    const present = store.get(id) as IDBRequest<Meta | undefined>;
    present.onsuccess = () => {
      if (!present.result) return;
      found = true;
      store.put({ ...present.result, ...changes, id });
    };
    await done;
    return found;
  }

  async putMessage(message: Message): Promise<boolean> {
    const transaction = this.db.transaction(["conversations", "messages"], "readwrite");
    const done = settled(transaction);
    let found = false;
    const present = transaction.objectStore("conversations").getKey(message.conversation);
    present.onsuccess = () => {
      if (present.result === undefined) return;
      found = true;
      transaction.objectStore("messages").put(message);
    };
    await done;
    return found;
  }

  async remove(id: string): Promise<void> {
    const transaction = this.db.transaction(["conversations", "messages"], "readwrite");
    const done = settled(transaction);
    transaction.objectStore("conversations").delete(id);
    const store = transaction.objectStore("messages");
    const keys = store.index("conversation").getAllKeys(id);
    keys.onsuccess = () => {
      for (const key of keys.result) store.delete(key);
    };
    await done;
  }

  async scan(see: (messages: Message[]) => boolean): Promise<void> {
    let after: IDBKeyRange | null = null;
    for (;;) {
      const store = this.db.transaction("messages").objectStore("messages");
      const batch: Message[] = await result(store.getAll(after, kBatch) as IDBRequest<Message[]>);
      if (!see(batch) || batch.length < kBatch) return;
      after = IDBKeyRange.lowerBound(batch.at(-1)!.id, true);
    }
  }
}

/** Tells other tabs what changed. */
export class Tabs {
  private readonly channel: BroadcastChannel | null;

  constructor(heard: (change: Change) => void) {
    this.channel = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("hearth");
    if (this.channel) this.channel.onmessage = ({ data }) => heard(data as Change);
  }

  tell(change: Change) {
    this.channel?.postMessage(change);
  }
}
