// The conversations of this browser, and the one that is shown.

import { signal } from "@preact/signals";
import { newMeta, titleOf } from "./conversation";
import { tabId } from "./ids";
import { notify } from "./notices";
import { settings } from "./settings";
import { Database, Tabs, loadAll, type Change, type Store } from "./storage";
import { Memory } from "./storage_memory";
import { exportText, importText, kMaxFile } from "./transfer";
import type { Conversation, Kind, Message, Meta } from "./types";

/** Newest first. */
export const list = signal<Meta[]>([]);
/** What is shown; null is the page of a conversation that nobody has begun. */
export const current = signal<Conversation | null>(null);
export const newKind = signal<Kind>("chat");
/** The system prompt of the conversation that nobody has begun. */
export const newSystem = signal("");
/** Why nothing will be kept, where that is so. */
export const unkept = signal<string | null>(null);

export let store: Store;

const tabs = new Tabs((change) => void heard(change));
/** Messages that this tab is writing; they are newer than what is stored. */
export const writing = new Map<string, Message>();

export async function openStore() {
  try {
    store = await Database.open();
  } catch (error) {
    store = new Memory();
    unkept.value = error instanceof Error ? error.message : String(error);
  }
  await refreshList();
}

export function tell(kind: Change["kind"], conversation: string) {
  tabs.tell({ kind, conversation });
}

export async function refreshList() {
  list.value = (await store.list()).sort((a, b) => b.changed - a.changed);
}

async function heard({ kind, conversation }: Change) {
  if (kind !== "message") await refreshList();
  const shown = current.value;
  if (shown?.meta.id !== conversation) return;
  if (kind === "removed") {
    current.value = null;
    notify("This conversation was deleted in another tab.");
    return;
  }
  const loaded = await loadWithWriting(conversation);
  if (!loaded || current.value?.meta.id !== conversation) return;
  // Each tab stays on the branch that it shows.
  loaded.meta.leaf = current.value.meta.leaf;
  current.value = loaded;
}

async function loadWithWriting(id: string): Promise<Conversation | null> {
  const loaded = await store.load(id);
  for (const [key, message] of loaded?.messages ?? []) {
    const live = writing.get(key);
    if (live) loaded!.messages.set(key, live);
    else if (message.state === "writing" && message.owner === tabId) interrupted(message);
  }
  return loaded;
}

/** Ends a message that this tab was writing when it was reloaded. */
function interrupted(message: Message) {
  message.state = "stopped";
  message.error = "The page was closed before the answer ended.";
  delete message.owner;
  void keep(store.putMessage(message));
}

export function begin(kind: Kind) {
  current.value = null;
  newKind.value = kind;
  newSystem.value = settings.value.system;
  location.hash = "";
}

export async function show(id: string): Promise<boolean> {
  if (current.value?.meta.id === id) return true;
  const loaded = await loadWithWriting(id);
  if (!loaded) return false;
  current.value = loaded;
  const hash = `#${id}`;
  if (location.hash !== hash) location.hash = hash;
  return true;
}

/** The shown conversation, made when there is none yet. */
export async function ensureCurrent(firstText: string): Promise<Conversation> {
  if (current.value) return current.value;
  const meta = newMeta(newKind.value, newSystem.value, Date.now());
  meta.title = titleOf(firstText);
  const conversation = { meta, messages: new Map<string, Message>() };
  await store.merge(conversation);
  current.value = conversation;
  location.hash = `#${meta.id}`;
  list.value = [meta, ...list.value];
  tell("meta", meta.id);
  return conversation;
}

/** Changes metadata here, in storage and in other tabs. */
export async function patch(id: string, changes: Partial<Meta>) {
  const shown = current.value;
  if (shown?.meta.id === id) current.value = { ...shown, meta: { ...shown.meta, ...changes } };
  list.value = list.value
    .map((meta) => (meta.id === id ? { ...meta, ...changes } : meta))
    .sort((a, b) => b.changed - a.changed);
  await keep(store.patch(id, changes));
  tell("meta", id);
}

let warned = false;

/** Waits for a write. One that fails is told once, and what the page shows stays. */
export async function keep<T>(write: Promise<T>): Promise<T | null> {
  try {
    return await write;
  } catch (error) {
    if (!warned) notify(`This browser could not save that: ${(error as Error).message}`);
    warned = true;
    return null;
  }
}

/** Stores a new message and shows the branch that ends with it. */
export async function append(conversation: Conversation, message: Message) {
  conversation.messages.set(message.id, message);
  await keep(store.putMessage(message));
  tell("message", conversation.meta.id);
  await patch(conversation.meta.id, { leaf: message.id, changed: Date.now() });
}

export async function rename(id: string, title: string) {
  const text = title.trim().slice(0, 500);
  if (text !== "") await patch(id, { title: text, named: true });
}

export async function remove(id: string) {
  const gone = await store.load(id);
  if (!gone) return;
  await keep(store.remove(id));
  tell("removed", id);
  list.value = list.value.filter((meta) => meta.id !== id);
  if (current.value?.meta.id === id) begin(gone.meta.kind);
  notify(`“${gone.meta.title}” was deleted.`, { label: "Undo", run: () => void restore(gone) });
}

async function restore(conversation: Conversation) {
  await keep(store.merge(conversation));
  tell("meta", conversation.meta.id);
  await refreshList();
  await show(conversation.meta.id);
}

/** Hands all conversations to the person as a file. */
export async function exportAll() {
  const text = exportText(await loadAll(store), new Date());
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `hearth-conversations-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export async function importFile(file: File) {
  if (file.size > kMaxFile) {
    notify(`${file.name} was not imported: it is larger than 256 MB.`);
    return;
  }
  const read = importText(await file.text());
  if ("error" in read) {
    notify(`${file.name} was not imported: ${read.error}.`);
    return;
  }
  for (const conversation of read.conversations) {
    await keep(store.merge(conversation));
    tell("meta", conversation.meta.id);
  }
  await refreshList();
  const count = read.conversations.length;
  notify(count === 1 ? "One conversation was imported." : `${count} conversations were imported.`);
}
