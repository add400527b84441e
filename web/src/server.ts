// What is known of the server: whether it is there, its models, and what it says of the chosen one.

import { computed, effect, signal, untracked } from "@preact/signals";
import { getModels, getProps, type Model, type Props } from "./api";
import { ApiError, type Problem } from "./errors";
import { apiKey, settings } from "./settings";

export type Reach =
  { kind: "asking" } | { kind: "ready" } | { kind: "problem"; problem: Problem; again: boolean };

export const reach = signal<Reach>({ kind: "asking" });
export const models = signal<Model[]>([]);
export const props = signal<Props | null>(null);

/** The chosen model where the server has it, otherwise its first. */
export const model = computed(() => {
  const wanted = models.value.find((one) => one.id === settings.value.model);
  return wanted ?? models.value[0] ?? null;
});

/** Whether the model is known to have no chat template. */
export const onlyTexts = computed(() => props.value?.chatTemplate === "");

export const contextSize = computed(() => props.value?.contextSize ?? null);

/** The name that people know a model by: its file's, without folder and ending. */
export function shortName(id: string): string {
  return (id.split(/[/\\]/).at(-1) || id).replace(/\.gguf$/i, "");
}

/** Where answers are made, as seen from whoever looks at this page. */
export function serverPlace(hostname = location.hostname): string {
  const local =
    /^(localhost|127(\.\d+){3}|\[::1\])$/i.test(hostname) || /\.localhost$/i.test(hostname);
  return local ? "this machine" : hostname;
}

const kRetryMs = 2000;
const kSlowestMs = 15_000;

let current: AbortController | null = null;

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function askAll(signal: AbortSignal) {
  const list = await getModels(apiKey.value, signal);
  if (signal.aborted) return;
  models.value = list;
  let facts: Props | null = null;
  try {
    facts = await getProps(
      apiKey.value,
      list.length > 1 ? (model.value?.id ?? null) : null,
      signal,
    );
  } catch (error) {
    // Servers that only speak the common part have no /props; what it says is then unknown.
    if (!(error instanceof ApiError) || error.problem.kind !== "refused") throw error;
  }
  if (signal.aborted) return;
  props.value = facts;
  reach.value = { kind: "ready" };
}

/** Asks the server anew, again and again while it loads or is away. */
export async function connect() {
  current?.abort();
  const { signal } = (current = new AbortController());
  for (let wait = kRetryMs; !signal.aborted; wait = Math.min(kSlowestMs, wait * 1.5)) {
    try {
      await askAll(signal);
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      const { problem } = error;
      const waits = problem.kind === "loading" || problem.kind === "busy";
      const again = waits || problem.kind === "unreachable";
      reach.value = { kind: "problem", problem, again };
      if (!again) return;
      await pause((waits ? problem.retryMs : null) ?? wait, signal);
    }
  }
}

/** Connects, and again when key or model change. */
export function startServer() {
  let seen: string | null = null;
  effect(() => {
    const now = JSON.stringify([apiKey.value, settings.value.model]);
    if (now === seen) return;
    seen = now;
    untracked(() => void connect());
  });
}

/** What a failed request says about the server is news for the whole page. */
export function heardOf(problem: Problem) {
  if (problem.kind === "key") reach.value = { kind: "problem", problem, again: false };
  if (problem.kind === "unreachable" && reach.value.kind === "ready") void connect();
}
