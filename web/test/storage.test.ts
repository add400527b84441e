import "fake-indexeddb/auto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { newMessage, newMeta } from "../src/conversation";
import { search } from "../src/search";
import { Database, loadAll, type Store } from "../src/storage";
import { Memory } from "../src/storage_memory";
import type { Conversation } from "../src/types";

let count = 0;

function conversation(title: string, ...texts: string[]): Conversation {
  const meta = { ...newMeta("chat", "", ++count), title };
  const messages = texts.map((text, i) =>
    newMessage(meta.id, null, i % 2 ? "assistant" : "user", text, i),
  );
  return { meta, messages: new Map(messages.map((message) => [message.id, message])) };
}

const kinds: [string, () => Promise<Store>][] = [
  ["Database", () => Database.open(`test-${++count}`)],
  ["Memory", async () => new Memory()],
];

describe.each(kinds)("%s", (_, open) => {
  let store: Store;
  beforeEach(async () => {
    store = await open();
  });
  afterEach(() => {
    if (store instanceof Database) store.close();
  });

  it("keeps conversations", async () => {
    const one = conversation("one", "a", "b");
    await store.merge(one);
    expect(await store.load(one.meta.id)).toEqual(one);
    expect(await store.load("other")).toBeNull();
    expect(await store.list()).toEqual([one.meta]);
  });

  it("changes fields apart from each other", async () => {
    const one = conversation("one");
    await store.merge(one);
    await Promise.all([
      store.patch(one.meta.id, { title: "new" }),
      store.patch(one.meta.id, { system: "s" }),
    ]);
    expect((await store.list())[0]).toMatchObject({ title: "new", system: "s" });
  });

  it("writes nothing into conversations that are gone", async () => {
    const one = conversation("one", "a");
    await store.merge(one);
    await store.remove(one.meta.id);
    const [message] = [...one.messages.values()];
    expect(await store.putMessage(message!)).toBe(false);
    expect(await store.patch(one.meta.id, { title: "x" })).toBe(false);
    expect(await loadAll(store)).toEqual([]);
    const seen: string[] = [];
    await store.scan((batch) => seen.push(...batch.map((m) => m.id)) >= 0);
    expect(seen).toEqual([]);
  });

  it("merges versions: newer metadata, longer texts, all messages", async () => {
    const one = conversation("one", "short");
    await store.merge(one);
    const [first] = [...one.messages.values()];
    const later = { ...newMessage(one.meta.id, null, "user", "late", 9) };
    await store.merge({
      meta: { ...one.meta, title: "older", changed: 0 },
      messages: new Map([
        [first!.id, { ...first!, text: "s" }],
        [later.id, later],
      ]),
    });
    const now = await store.load(one.meta.id);
    expect(now!.meta.title).toBe("one");
    expect(now!.messages.get(first!.id)!.text).toBe("short");
    expect(now!.messages.size).toBe(2);
  });

  it("goes through more messages than one batch holds", async () => {
    const many = conversation("many", ...Array.from({ length: 1234 }, (_, i) => `text ${i}`));
    await store.merge(many);
    expect((await loadAll(store))[0]!.messages.size).toBe(1234);
  });

  it("is searched by words in titles and messages", async () => {
    const bread = conversation("Bread", "How warm must the water be?", "Lukewarm.");
    const tea = conversation("Tea", "How long must it draw, with boiling WATER?");
    await store.merge(bread);
    await store.merge(tea);
    const metas = await store.list();
    const find = async (query: string) => (await search(store, metas, query, () => false))!;
    expect((await find("water")).ids).toEqual(new Set([bread.meta.id, tea.meta.id]));
    expect((await find("bread lukewarm")).ids).toEqual(new Set([bread.meta.id]));
    expect((await find("tea lukewarm")).ids.size).toBe(0);
    expect((await find("boiling")).excerpts.get(tea.meta.id)).toContain("boiling WATER?");
    expect(await search(store, metas, "water", () => true)).toBeNull();
  });
});

describe("Database", () => {
  it("does not let a file take a message out of another conversation", async () => {
    const store = await Database.open("theft");
    const mine = conversation("mine", "text");
    await store.merge(mine);
    const [message] = [...mine.messages.values()];
    const other = conversation("other");
    other.messages.set(message!.id, {
      ...message!,
      conversation: other.meta.id,
      text: "much longer text",
    });
    await store.merge(other);
    expect((await store.load(mine.meta.id))!.messages.get(message!.id)!.text).toBe("text");
    store.close();
  });
});
