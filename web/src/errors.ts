// What can go wrong between the page and the server, and how it is told.

export type Problem =
  | { kind: "unreachable" }
  | { kind: "loading"; retryMs: number | null }
  | { kind: "busy"; retryMs: number | null }
  | { kind: "context"; tokens: number; room: number }
  | { kind: "key" }
  | { kind: "refused"; status: number; message: string }
  | { kind: "failed"; message: string }
  | { kind: "cut" };

export class ApiError extends Error {
  constructor(readonly problem: Problem) {
    super(explain(problem));
  }
}

export function grouped(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

export function explain(problem: Problem): string {
  switch (problem.kind) {
    case "unreachable":
      return "The server cannot be reached. Is hearth serve still running?";
    case "loading":
      return "The model is still loading.";
    case "busy":
      return "The server has as much to do as it can.";
    case "context":
      return (
        `This needs ${grouped(problem.tokens)} tokens; the model has room for ` +
        `${grouped(problem.room)}.`
      );
    case "key":
      return "The server wants an API key.";
    case "refused":
      return `The server refused (${problem.status}): ${problem.message}`;
    case "failed":
      return `The server failed while it answered: ${problem.message}`;
    case "cut":
      return "The connection ended before the answer did.";
  }
}

const kMaxRetryMs = 120_000;

/** Milliseconds of a Retry-After header, which holds seconds or a date (RFC 9110, 10.2.3). */
export function retryAfter(header: string | null, now: number): number | null {
  if (header === null) return null;
  const text = header.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(kMaxRetryMs, Math.max(0, ms)) : null;
}

interface ErrorBody {
  message?: unknown;
  type?: unknown;
  n_prompt_tokens?: unknown;
  n_ctx?: unknown;
}

function oneLine(value: unknown): string {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  return text.replace(/\s+/g, " ").trim().slice(0, 500);
}

/** The problem that the `error` object of a response or stream stands for. */
export function problemOf(
  error: unknown,
  status: number,
  retry: string | null,
  now: number,
): Problem {
  const body: ErrorBody = typeof error === "object" && error !== null ? error : { message: error };
  const { n_prompt_tokens: tokens, n_ctx: room } = body;
  if (
    body.type === "exceed_context_size_error" &&
    typeof tokens === "number" &&
    typeof room === "number"
  ) {
    return { kind: "context", tokens, room };
  }
  if (status === 401 || status === 403) return { kind: "key" };
  if (status === 503) return { kind: "loading", retryMs: retryAfter(retry, now) };
  if (status === 429) return { kind: "busy", retryMs: retryAfter(retry, now) };
  const message = oneLine(body.message ?? "") || "it did not say why";
  return status === 200 ? { kind: "failed", message } : { kind: "refused", status, message };
}
