// What a person chose, kept in this browser and the same in all of its tabs.

import { effect, signal } from "@preact/signals";
import type { Sampling } from "./types";

export type Theme = "system" | "light" | "dark";

export interface Settings {
  theme: Theme;
  model: string | null;
  /** The system prompt that new conversations begin with. */
  system: string;
  sampling: Sampling;
}

const kKey = "hearth.settings";
const kApiKey = "hearth.key";

/** Names, labels, limits and steps of the sampling settings. */
export const kSampling: {
  name: keyof Sampling;
  label: string;
  help: string;
  min: number;
  max: number;
  step: number;
}[] = [
  {
    name: "temperature",
    label: "Temperature",
    min: 0,
    max: 5,
    step: 0.05,
    help: "0 takes the likeliest word each time; more is more surprising.",
  },
  {
    name: "top_p",
    label: "Top p",
    min: 0,
    max: 1,
    step: 0.01,
    help: "Keeps the likeliest tokens that together have this probability.",
  },
  {
    name: "top_k",
    label: "Top k",
    min: 0,
    max: 100000,
    step: 1,
    help: "Keeps this many of the likeliest tokens; 0 keeps all.",
  },
  {
    name: "min_p",
    label: "Min p",
    min: 0,
    max: 1,
    step: 0.01,
    help: "Leaves out tokens below this share of the likeliest one's probability.",
  },
  {
    name: "repeat_penalty",
    label: "Repeat penalty",
    min: 0.01,
    max: 10,
    step: 0.05,
    help: "Above 1, what was said lately becomes less likely.",
  },
  {
    name: "max_tokens",
    label: "Longest answer",
    min: 1,
    max: 1000000,
    step: 1,
    help: "In tokens.",
  },
  {
    name: "seed",
    label: "Seed",
    min: 0,
    max: 4294967295,
    step: 1,
    help: "The same seed and question give the same answer.",
  },
];

/** What is good of stored or typed settings. */
export function cleanSampling(value: unknown): Sampling {
  const from =
    typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  const out: Sampling = {};
  for (const { name, min, max, step } of kSampling) {
    const number = from[name];
    if (typeof number !== "number" || !Number.isFinite(number)) continue;
    const inside = Math.min(max, Math.max(min, number));
    out[name] = step === 1 ? Math.round(inside) : inside;
  }
  return out;
}

function read(): Settings {
  let from: Record<string, unknown> = {};
  try {
    from = JSON.parse(localStorage.getItem(kKey) ?? "{}") as Record<string, unknown>;
  } catch {
    // Storage that is blocked or broken means defaults.
  }
  const { theme, model, system } = from;
  return {
    theme: theme === "light" || theme === "dark" ? theme : "system",
    model: typeof model === "string" ? model : null,
    system: typeof system === "string" ? system : "",
    sampling: cleanSampling(from.sampling),
  };
}

export const settings = signal<Settings>(read());
export const apiKey = signal(session(() => sessionStorage.getItem(kApiKey)) ?? "");

function session<T>(use: () => T): T | null {
  try {
    return use();
  } catch {
    return null;
  }
}

export function change(changes: Partial<Settings>) {
  settings.value = { ...settings.value, ...changes };
  session(() => localStorage.setItem(kKey, JSON.stringify(settings.value)));
}

export function setApiKey(key: string) {
  apiKey.value = key;
  session(() => sessionStorage.setItem(kApiKey, key));
}

/** Begins to follow other tabs and to show the theme. */
export function startSettings() {
  window.addEventListener("storage", ({ key }) => {
    if (key === kKey) settings.value = read();
  });
  effect(() => {
    const { theme } = settings.value;
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  });
}
