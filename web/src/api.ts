// The server's OpenAI-compatible interface. Paths are relative, so that the page also works below a
// prefix.

import { ApiError, problemOf } from "./errors";
import type { SentMessage } from "./conversation";
import { events } from "./sse";
import type { Sampling } from "./types";

export interface Model {
  id: string;
  contextTrained?: number;
}

export interface Props {
  contextSize: number | null;
  /** Null when the server does not say; empty for a model that is none for chats. */
  chatTemplate: string | null;
  defaults: Sampling;
}

const kMaxError = 64 * 1024;

async function problemResponse(response: Response): Promise<ApiError> {
  let error: unknown = null;
  try {
    const text = (await response.text()).slice(0, kMaxError);
    error = text;
    error = (JSON.parse(text) as { error?: unknown }).error ?? text;
  } catch {
    // No JSON: what came is the message.
  }
  return new ApiError(
    problemOf(error, response.status, response.headers.get("retry-after"), Date.now()),
  );
}

async function ask(path: string, key: string, init: RequestInit): Promise<Response> {
  const headers: Record<string, string> = {};
  if (init.body) headers["content-type"] = "application/json";
  if (key !== "") headers.authorization = `Bearer ${key}`;
  let response: Response;
  try {
    // A redirect could lead to another machine, and the conversation with it.
    response = await fetch(new URL(path, document.baseURI), {
      ...init,
      headers,
      cache: "no-store",
      redirect: "error",
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError({ kind: "unreachable" });
  }
  if (!response.ok) throw await problemResponse(response);
  return response;
}

type Json = Record<string, unknown>;

function object(value: unknown): Json {
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

function number(value: unknown): number | undefined {
  return typeof value === "number" && Number.isFinite(value) ? value : undefined;
}

async function json(response: Response): Promise<Json> {
  try {
    return object(await response.json());
  } catch {
    throw new ApiError({
      kind: "refused",
      status: response.status,
      message: "what came is no JSON",
    });
  }
}

export async function getModels(key: string, signal: AbortSignal): Promise<Model[]> {
  const { data } = await json(await ask("v1/models", key, { signal }));
  if (!Array.isArray(data)) return [];
  return data
    .map(object)
    .filter((one) => typeof one.id === "string")
    .map((one) => {
      const trained = number(object(one.meta).n_ctx_train);
      return { id: one.id as string, ...(trained ? { contextTrained: trained } : {}) };
    });
}

const kSettings = [
  "temperature",
  "top_p",
  "top_k",
  "min_p",
  "repeat_penalty",
  "max_tokens",
  "seed",
] as const;

export async function getProps(
  key: string,
  model: string | null,
  signal: AbortSignal,
): Promise<Props> {
  const query = model === null ? "" : `?model=${encodeURIComponent(model)}`;
  const props = await json(await ask(`props${query}`, key, { signal }));
  const generation = object(props.default_generation_settings);
  const params = object(generation.params ?? generation);
  const defaults: Sampling = {};
  for (const name of kSettings) {
    const value = number(params[name]);
    if (value !== undefined) defaults[name] = value;
  }
  return {
    contextSize: number(generation.n_ctx) ?? null,
    chatTemplate: typeof props.chat_template === "string" ? props.chat_template : null,
    defaults,
  };
}

export interface ToolPiece {
  index: number;
  name: string;
  arguments: string;
}

/** What one event of a stream says. */
export interface Piece {
  text: string;
  reasoning: string;
  tools: ToolPiece[];
  facts: Facts;
}

export interface Facts {
  finish?: string;
  model?: string;
  servedBy?: string;
  bytesSent?: number;
  promptTokens?: number;
  answerTokens?: number;
  tokensPerSecond?: number;
}

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as never;
}

function text(value: unknown): string {
  // Markdown knows line feeds only; what is stored is what is counted.
  return typeof value === "string" ? value.replaceAll("\r", "") : "";
}

function toolPieces(value: unknown): ToolPiece[] {
  if (!Array.isArray(value)) return [];
  return value.map(object).map((call, i) => {
    const { name, arguments: args } = object(call.function);
    return { index: number(call.index) ?? i, name: text(name), arguments: text(args) };
  });
}

export function readChunk(data: string): Piece {
  let chunk: Json;
  try {
    chunk = object(JSON.parse(data));
  } catch {
    throw new ApiError({ kind: "failed", message: "it sent something that is no JSON" });
  }
  if (chunk.error !== undefined && chunk.error !== null) {
    throw new ApiError(problemOf(chunk.error, 200, null, Date.now()));
  }
  const choice = object(Array.isArray(chunk.choices) ? chunk.choices[0] : null);
  const delta = object(choice.delta);
  const usage = object(chunk.usage);
  const timings = object(chunk.timings);
  const hearth = object(chunk.hearth);
  const string = (value: unknown) =>
    typeof value === "string" && value !== "" ? value : undefined;
  return {
    text: text(delta.content) + text(choice.text),
    reasoning: text(delta.reasoning_content),
    tools: toolPieces(delta.tool_calls),
    facts: defined({
      finish: string(choice.finish_reason),
      model: string(hearth.model) ?? string(chunk.model),
      servedBy: string(hearth.served_by),
      bytesSent: number(hearth.bytes_sent),
      promptTokens: number(usage.prompt_tokens),
      answerTokens: number(usage.completion_tokens),
      tokensPerSecond: number(timings.predicted_per_second),
    }),
  };
}

export type Job = { kind: "chat"; messages: SentMessage[] } | { kind: "text"; prompt: string };

/**
 * The answer to a job, piece by piece; groups are what arrived at once. Throws ApiError, or
 * AbortError when stopped.
 */
export async function* answer(
  job: Job,
  model: string,
  sampling: Sampling,
  key: string,
  signal: AbortSignal,
): AsyncGenerator<Piece[]> {
  const { kind, ...what } = job;
  const body = {
    model,
    ...what,
    ...sampling,
    stream: true,
    stream_options: { include_usage: true },
  };
  const path = kind === "chat" ? "v1/chat/completions" : "v1/completions";
  const response = await ask(path, key, { method: "POST", body: JSON.stringify(body), signal });
  const servedBy = response.headers.get("x-hearth-served-by");
  if (servedBy) yield [{ text: "", reasoning: "", tools: [], facts: { servedBy } }];
  let whole = false;
  try {
    for await (const group of events(response.body!)) {
      const end = group.indexOf("[DONE]");
      const pieces = (end < 0 ? group : group.slice(0, end)).map(readChunk);
      whole ||= end >= 0 || pieces.some((piece) => piece.facts.finish);
      if (pieces.length > 0) yield pieces;
      if (end >= 0) return;
    }
  } catch (error) {
    if (error instanceof ApiError || signal.aborted) throw error;
    if (!whole) throw new ApiError({ kind: "cut" });
  }
  if (!whole && !signal.aborted) throw new ApiError({ kind: "cut" });
}
