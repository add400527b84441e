// One answer from its request to its last byte: waiting where the server asks to, showing what
// comes, storing it.

import { signal, type Signal } from "@preact/signals";
import { answer, type Facts, type Job, type Piece } from "./api";
import { append, current, keep, store, tell, writing } from "./chats";
import { newMessage, pathTo, textOf, toSend } from "./conversation";
import { ApiError, explain, type Problem } from "./errors";
import { tabId } from "./ids";
import { Meter } from "./meter";
import { announce } from "./notices";
import { collect, leave } from "./rescue";
import { heardOf, model } from "./server";
import { apiKey, settings } from "./settings";
import type { AnswerInfo, Conversation, Message } from "./types";

const kSaveMs = 400;
const kMaxWaits = 60;
const kWaitMs = 2000;
/** A model that only continues texts rarely ends by itself. */
const kTextTokens = 256;
const kAnnounced = 4000;

export type Phase =
  { kind: "reading" } | { kind: "waiting"; problem: Problem; until: number } | { kind: "writing" };

export interface Run {
  conversation: string;
  message: Message;
  phase: Signal<Phase>;
  /** Changes with each frame in which something arrived. */
  frame: Signal<number>;
  meter: Meter;
  abort: AbortController;
}

export const runs = signal<Map<string, Run>>(new Map());

/** Problems of answers that this page load saw; stored messages have their text only. */
export const problems = signal<Map<string, Problem>>(new Map());

/** Characters at the end of a text that are sent, where all of it was too much. */
export const textWindow = new Map<string, number>();

export function stop(conversation: string) {
  runs.value.get(conversation)?.abort.abort();
}

function setRun(conversation: string, run: Run | null) {
  const next = new Map(runs.value);
  if (run) next.set(conversation, run);
  else next.delete(conversation);
  runs.value = next;
}

function jobFor({ meta, messages }: Conversation, parent: string | null): Job {
  const path = pathTo(messages, parent);
  if (meta.kind === "chat") return { kind: "chat", messages: toSend(meta, path) };
  const prompt = textOf(path);
  const window = textWindow.get(meta.id);
  if (window === undefined || window >= prompt.length) return { kind: "text", prompt };
  // A word that is cut would read as another one.
  return { kind: "text", prompt: prompt.slice(-window).replace(/^\S*\s/, "") };
}

/** Has the message after `parent` written. One answer at a time for each conversation. */
export async function generate(conversation: Conversation, parent: string | null) {
  const { id, kind } = conversation.meta;
  if (runs.value.has(id)) return;
  const message = newMessage(id, parent, "assistant", "", Date.now());
  message.state = "writing";
  message.owner = tabId;
  const run: Run = {
    conversation: id,
    message,
    phase: signal<Phase>({ kind: "reading" }),
    frame: signal(0),
    meter: new Meter(performance.now()),
    abort: new AbortController(),
  };
  const job = jobFor(conversation, parent);
  writing.set(message.id, message);
  setRun(id, run);
  await append(conversation, message);
  const saver = setInterval(() => void save(run), kSaveMs);
  try {
    const sampling = { ...settings.value.sampling };
    if (kind === "text") sampling.max_tokens ??= kTextTokens;
    await work(run, job, sampling);
    message.state = "done";
  } catch (error) {
    failed(run, error);
  } finally {
    clearInterval(saver);
    await finish(run);
  }
}

function failed({ message, abort }: Run, error: unknown) {
  if (abort.signal.aborted) {
    message.state = "stopped";
    return;
  }
  const problem: Problem =
    error instanceof ApiError
      ? error.problem
      : { kind: "failed", message: error instanceof Error ? error.message : String(error) };
  message.state = "failed";
  message.error = explain(problem);
  problems.value = new Map(problems.value).set(message.id, problem);
  heardOf(problem);
}

/** Asks until the server has time. */
async function work(run: Run, job: Job, sampling: typeof settings.value.sampling) {
  for (let waits = 0; ; ++waits) {
    try {
      run.meter = new Meter(performance.now());
      run.phase.value = { kind: "reading" };
      const pieces = answer(job, model.value?.id ?? "", sampling, apiKey.value, run.abort.signal);
      for await (const group of pieces) take(run, group);
      return;
    } catch (error) {
      const problem = error instanceof ApiError ? error.problem : null;
      const busy = problem?.kind === "loading" || problem?.kind === "busy";
      if (!busy || run.meter.pieces > 0 || waits >= kMaxWaits) throw error;
      const ms = Math.max(250, problem.retryMs ?? kWaitMs);
      run.phase.value = { kind: "waiting", problem, until: Date.now() + ms };
      await sleep(ms, run.abort.signal);
    }
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

function take(run: Run, group: Piece[]) {
  const { message, meter } = run;
  let arrived = 0;
  const facts: Facts = {};
  for (const piece of group) {
    message.text += piece.text;
    if (piece.reasoning !== "") message.reasoning = (message.reasoning ?? "") + piece.reasoning;
    for (const { index, name, arguments: args } of piece.tools.filter((t) => t.index < 1000)) {
      const calls = (message.tools ??= []);
      const at = Math.min(Math.max(0, index), calls.length);
      const call = (calls[at] ??= { name: "", arguments: "" });
      call.name += name;
      call.arguments += args;
    }
    if (piece.text !== "" || piece.reasoning !== "" || piece.tools.length > 0) ++arrived;
    Object.assign(facts, piece.facts);
  }
  meter.add(arrived, performance.now());
  message.info = { ...message.info, ...facts, ...measured(meter, facts, message.info) };
  if (arrived > 0 && run.phase.peek().kind !== "writing") run.phase.value = { kind: "writing" };
  show(run);
}

/** The server's rate where it gave one, otherwise this page's. */
function measured(meter: Meter, facts: Facts, before: AnswerInfo | undefined) {
  const info: Partial<AnswerInfo> & { pieces: number } = { pieces: meter.pieces };
  if (meter.firstMs !== null) info.firstMs = meter.firstMs;
  if (facts.tokensPerSecond !== undefined) info.rateBy = "server";
  else if (before?.rateBy !== "server" && meter.rate !== null) {
    info.tokensPerSecond = meter.rate;
    info.rateBy = "page";
  }
  return info;
}

const pending = new Set<Run>();

/** Bumps the frame of a run once in each frame of the screen. */
function show(run: Run) {
  if (pending.size === 0) {
    requestAnimationFrame(() => {
      const all = [...pending];
      pending.clear();
      for (const one of all) ++one.frame.value;
    });
  }
  pending.add(run);
}

async function save(run: Run) {
  const { message } = run;
  message.saved = Date.now();
  const there = await keep(store.putMessage(message));
  if (there === false) run.abort.abort();
  tell("message", run.conversation);
}

async function finish(run: Run) {
  const { message, conversation } = run;
  delete message.owner;
  await save(run);
  writing.delete(message.id);
  setRun(conversation, null);
  const shown = current.value;
  if (shown?.meta.id === conversation) {
    // A new object, so that what shows it draws it anew.
    shown.messages.set(message.id, { ...message });
    current.value = { ...shown };
  }
  if (message.state === "failed") announce(message.error ?? "The answer failed.");
  else
    announce(
      `${message.state === "stopped" ? "Stopped" : "Answer"}: ${message.text.slice(0, kAnnounced)}`,
    );
}

/** Brings in what a page left when it went. */
export async function recover() {
  for (const message of collect()) {
    const there = await store.load(message.conversation);
    const old = there?.messages.get(message.id);
    if (
      old &&
      old.text.length + (old.reasoning?.length ?? 0) <=
        message.text.length + (message.reasoning?.length ?? 0)
    ) {
      await store.putMessage(message);
    }
  }
  window.addEventListener("pagehide", () => leave(writing.values()));
  window.addEventListener("pageshow", ({ persisted }) => persisted && collect());
}
