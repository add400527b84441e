// The tree of a conversation: paths through it, siblings, and what of it is sent. All functions are
// pure.

import { newId } from "./ids";
import type { Conversation, Kind, Message, Meta, Role } from "./types";

const kTitle = 60;

export function newMeta(kind: Kind, system: string, now: number): Meta {
  return {
    id: newId(),
    kind,
    title: "",
    named: false,
    system,
    leaf: null,
    start: null,
    created: now,
    changed: now,
  };
}

export function newMessage(
  conversation: string,
  parent: string | null,
  role: Role,
  text: string,
  now: number,
): Message {
  return {
    id: newId(),
    conversation,
    parent,
    role,
    text,
    state: "done",
    created: now,
    saved: now,
  };
}

/** The first words of a text, as a title. */
export function titleOf(text: string): string {
  const line = text.trim().replace(/\s+/g, " ");
  if (line.length <= kTitle) return line;
  const cut = line.slice(0, kTitle);
  const space = cut.lastIndexOf(" ");
  return (space > kTitle / 2 ? cut.slice(0, space) : cut).trimEnd() + "…";
}

/** Messages from the first one to `leaf`. A broken tree gives the part that hangs together. */
export function pathTo(messages: Map<string, Message>, leaf: string | null): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>();
  for (let id = leaf; id !== null && !seen.has(id);) {
    const message = messages.get(id);
    if (!message) break;
    seen.add(id);
    path.push(message);
    id = message.parent;
  }
  return path.reverse();
}

export function shownPath({ meta, messages }: Conversation): Message[] {
  return pathTo(
    messages,
    meta.leaf !== null && messages.has(meta.leaf) ? meta.leaf : newest(messages),
  );
}

function newest(messages: Map<string, Message>): string | null {
  let best: Message | null = null;
  for (const message of messages.values()) {
    if (!best || message.created >= best.created) best = message;
  }
  return best?.id ?? null;
}

/** Children of each message in the order of their making. */
export function childrenOf(messages: Map<string, Message>): Map<string | null, Message[]> {
  const children = new Map<string | null, Message[]>();
  for (const message of messages.values()) {
    const list = children.get(message.parent);
    if (list) list.push(message);
    else children.set(message.parent, [message]);
  }
  for (const list of children.values()) list.sort((a, b) => a.created - b.created);
  return children;
}

/** The end of the newest branch through `id`. */
export function leafBelow(messages: Map<string, Message>, id: string): string {
  const children = childrenOf(messages);
  const seen = new Set<string>();
  let at = id;
  while (!seen.has(at)) {
    seen.add(at);
    const last = children.get(at)?.at(-1);
    if (!last) break;
    at = last.id;
  }
  return at;
}

export interface SentMessage {
  role: "system" | Role;
  content: string;
  reasoning_content?: string;
}

/** What is sent to have the message after `path` written. */
export function toSend(meta: Meta, path: Message[]): SentMessage[] {
  const start =
    meta.start === null
      ? 0
      : Math.max(
          0,
          path.findIndex((m) => m.id === meta.start),
        );
  const sent: SentMessage[] = [];
  if (meta.system.trim() !== "") sent.push({ role: "system", content: meta.system });
  for (const message of path.slice(start)) {
    if (message.role === "assistant" && message.text === "" && !message.reasoning) continue;
    const one: SentMessage = { role: message.role, content: message.text };
    if (message.reasoning) one.reasoning_content = message.reasoning;
    sent.push(one);
  }
  return sent;
}

/**
 * Where to start so that about `room` tokens are sent, when all from meta.start on were `tokens`;
 * null when the last question alone is too long. Characters stand for tokens; whole turns are left
 * out.
 */
export function startThatFits(
  meta: Meta,
  path: Message[],
  tokens: number,
  room: number,
): string | null {
  const first =
    meta.start === null
      ? 0
      : Math.max(
          0,
          path.findIndex((m) => m.id === meta.start),
        );
  const sizes = path.map((m) => m.text.length + (m.reasoning?.length ?? 0) + 16);
  const sum = (from: number) => sizes.slice(from).reduce((a, b) => a + b, meta.system.length + 16);
  const perCharacter = tokens / sum(first);
  for (let i = first + 1; i < path.length; ++i) {
    if (path[i]!.role !== "user") continue;
    if (sum(i) * perCharacter <= room || i === lastUser(path)) return path[i]!.id;
  }
  return null;
}

function lastUser(path: Message[]): number {
  return path.findLastIndex((m) => m.role === "user");
}

/** The text that a path of a text conversation stands for. */
export function textOf(path: Message[]): string {
  return path.map((message) => message.text).join("");
}

/**
 * Where an edited text leaves the path: the last message that it still contains whole, and what
 * follows it. So a text that was continued ten times is stored once.
 */
export function whereEdited(
  path: Message[],
  text: string,
): { parent: string | null; rest: string } {
  let at = 0;
  let parent: string | null = null;
  for (const message of path) {
    if (!text.startsWith(message.text, at)) break;
    at += message.text.length;
    parent = message.id;
  }
  return { parent, rest: text.slice(at) };
}
