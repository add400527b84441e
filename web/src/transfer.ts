// Conversations as a JSON file, out and in. What comes in is a stranger's: every field is checked.

import { isId } from "./ids";
import type { AnswerInfo, Conversation, Message, Meta, ToolCall } from "./types";

export const kFormat = "hearth-conversations";
export const kMaxFile = 256 * 1024 * 1024;
const kMaxConversations = 100_000;
const kMaxMessages = 1_000_000;

export function exportText(conversations: Conversation[], now: Date): string {
  return JSON.stringify(
    {
      format: kFormat,
      version: 1,
      exported: now.toISOString(),
      conversations: conversations.map(({ meta, messages }) => ({
        ...meta,
        messages: [...messages.values()].map(({ owner: _, ...message }) => message),
      })),
    },
    null,
    1,
  );
}

class Invalid extends Error {}

type Fields = Record<string, unknown>;

function fields(value: unknown, where: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Invalid(`${where} is no object`);
  }
  return value as Fields;
}

function list(value: unknown, where: string, most: number): unknown[] {
  if (!Array.isArray(value)) throw new Invalid(`${where} is no list`);
  if (value.length > most)
    throw new Invalid(`${where} has ${value.length} entries; ${most} are the most`);
  return value;
}

function text(value: unknown, where: string): string {
  if (typeof value !== "string") throw new Invalid(`${where} is no text`);
  return value;
}

function id(value: unknown, where: string): string {
  if (!isId(value)) throw new Invalid(`${where} is no identifier`);
  return value;
}

function time(value: unknown, where: string): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0 || value > 8.64e15) {
    throw new Invalid(`${where} is no time`);
  }
  return value;
}

const maybe = <T>(value: unknown, read: (value: unknown, where: string) => T, where: string) =>
  value === undefined || value === null ? null : read(value, where);

function info(value: unknown): AnswerInfo | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const from = value as Fields;
  const out: AnswerInfo = { pieces: 0 };
  const numbers = [
    "bytesSent",
    "promptTokens",
    "answerTokens",
    "pieces",
    "tokensPerSecond",
    "firstMs",
  ] as const;
  for (const key of numbers) {
    const number = from[key];
    if (typeof number === "number" && Number.isFinite(number) && number >= 0) out[key] = number;
  }
  for (const key of ["model", "servedBy", "finish"] as const) {
    const string = from[key];
    if (typeof string === "string") out[key] = string.slice(0, 500);
  }
  if (from.rateBy === "server" || from.rateBy === "page") out.rateBy = from.rateBy;
  return out;
}

function tools(value: unknown, where: string): ToolCall[] | undefined {
  if (value === undefined) return undefined;
  return list(value, where, 1000).map((one, i) => {
    const call = fields(one, `${where}[${i}]`);
    return {
      name: text(call.name, `${where}[${i}].name`),
      arguments: text(call.arguments, `${where}[${i}].arguments`),
    };
  });
}

function message(value: unknown, conversation: string, where: string): Message {
  const from = fields(value, where);
  const role = from.role;
  if (role !== "user" && role !== "assistant")
    throw new Invalid(`${where}.role is neither user nor assistant`);
  const state = from.state;
  const out: Message = {
    id: id(from.id, `${where}.id`),
    conversation,
    parent: maybe(from.parent, id, `${where}.parent`),
    role,
    text: text(from.text, `${where}.text`),
    state: state === "stopped" || state === "failed" || state === "writing" ? state : "done",
    created: time(from.created, `${where}.created`),
    saved: 0,
  };
  if (out.state === "writing") out.state = "stopped";
  if (from.reasoning !== undefined) out.reasoning = text(from.reasoning, `${where}.reasoning`);
  if (from.error !== undefined) out.error = text(from.error, `${where}.error`);
  const calls = tools(from.tools, `${where}.tools`);
  if (calls) out.tools = calls;
  const facts = info(from.info);
  if (facts) out.info = facts;
  return out;
}

function conversation(value: unknown, where: string): Conversation {
  const from = fields(value, where);
  const created = time(from.created, `${where}.created`);
  const meta: Meta = {
    id: id(from.id, `${where}.id`),
    kind: from.kind === "text" ? "text" : "chat",
    title: text(from.title, `${where}.title`).slice(0, 500),
    named: from.named === true,
    system: from.system === undefined ? "" : text(from.system, `${where}.system`),
    leaf: maybe(from.leaf, id, `${where}.leaf`),
    start: maybe(from.start, id, `${where}.start`),
    created,
    changed: from.changed === undefined ? created : time(from.changed, `${where}.changed`),
  };
  const messages = new Map<string, Message>();
  list(from.messages, `${where}.messages`, kMaxMessages).forEach((one, i) => {
    const read = message(one, meta.id, `${where}.messages[${i}]`);
    if (messages.has(read.id)) throw new Invalid(`${where}.messages[${i}].id is there twice`);
    messages.set(read.id, read);
  });
  checkTree(messages, where);
  return { meta, messages };
}

function checkTree(messages: Map<string, Message>, where: string) {
  const good = new Set<string>();
  for (const start of messages.values()) {
    const walked = new Set<string>();
    for (let at: Message | undefined = start; at && !good.has(at.id);) {
      if (walked.has(at.id)) throw new Invalid(`${where}: message ${at.id} comes after itself`);
      walked.add(at.id);
      if (at.parent === null) break;
      const parent: Message | undefined = messages.get(at.parent);
      if (!parent)
        throw new Invalid(`${where}: message ${at.id} follows ${at.parent}, which is not there`);
      at = parent;
    }
    for (const name of walked) good.add(name);
  }
}

/** The conversations of an exported file, or in one line what is wrong with it. */
export function importText(source: string): { conversations: Conversation[] } | { error: string } {
  try {
    const file = fields(JSON.parse(source), "the file");
    if (file.format !== kFormat) throw new Invalid(`its "format" is not "${kFormat}"`);
    if (file.version !== 1) throw new Invalid("its version is not 1, the one this page reads");
    const found = list(file.conversations, "conversations", kMaxConversations);
    return { conversations: found.map((one, i) => conversation(one, `conversations[${i}]`)) };
  } catch (error) {
    if (error instanceof Invalid) return { error: error.message };
    if (error instanceof SyntaxError) return { error: "it is no JSON" };
    throw error;
  }
}
