// What of an answer arrived after it was stored last, when a page goes away in the middle of it.
// Databases may not finish a write then; local storage does.

import type { Message } from "./types";

const kPrefix = "hearth.rescue.";

export function leave(messages: Iterable<Message>) {
  try {
    for (const message of messages) {
      localStorage.setItem(kPrefix + message.id, JSON.stringify(message));
    }
  } catch {
    // Full or blocked: what was stored last is what remains.
  }
}

export function collect(): Message[] {
  const found: Message[] = [];
  try {
    const keys = Object.keys(localStorage).filter((key) => key.startsWith(kPrefix));
    for (const key of keys) {
      const text = localStorage.getItem(key);
      localStorage.removeItem(key);
      if (text) found.push(JSON.parse(text) as Message);
    }
  } catch {
    // As above.
  }
  return found;
}
