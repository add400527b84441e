// Finding conversations by words in their titles and messages.

import type { Store } from "./storage";
import type { Meta } from "./types";

export interface Found {
  /** Conversations in which every word occurs. */
  ids: Set<string>;
  /** Some text around a word, for those where it is not in the title. */
  excerpts: Map<string, string>;
}

const kAround = 40;

export function wordsOf(query: string): string[] {
  return query
    .toLocaleLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "")
    .slice(0, 16);
}

export function excerptOf(text: string, word: string): string | null {
  const at = text.toLocaleLowerCase().indexOf(word);
  if (at < 0) return null;
  const from = Math.max(0, at - kAround);
  const part = text
    .slice(from, at + word.length + kAround)
    .replace(/\s+/g, " ")
    .trim();
  return (from > 0 ? "…" : "") + part + (at + word.length + kAround < text.length ? "…" : "");
}

/** Null when `stale` came true before the end. */
export async function search(
  store: Store,
  metas: Meta[],
  query: string,
  stale: () => boolean,
): Promise<Found | null> {
  const words = wordsOf(query);
  const missing = new Map<string, Set<string>>();
  for (const meta of metas) {
    const title = meta.title.toLocaleLowerCase();
    missing.set(meta.id, new Set(words.filter((word) => !title.includes(word))));
  }
  const excerpts = new Map<string, string>();
  await store.scan((batch) => {
    for (const message of batch) {
      const left = missing.get(message.conversation);
      if (!left || left.size === 0) continue;
      const text = message.text.toLocaleLowerCase();
      for (const word of left) {
        if (!text.includes(word)) continue;
        left.delete(word);
        const excerpt = excerptOf(message.text, word);
        if (excerpt && !excerpts.has(message.conversation)) {
          excerpts.set(message.conversation, excerpt);
        }
      }
    }
    return !stale();
  });
  if (stale()) return null;
  const ids = new Set([...missing].filter(([, left]) => left.size === 0).map(([id]) => id));
  return { ids, excerpts };
}
