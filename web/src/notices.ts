// Short messages at the edge of the page, and what screen readers are told.

import { signal } from "@preact/signals";

export interface Notice {
  id: number;
  text: string;
  action?: { label: string; run: () => void };
}

const kShownMs = 10_000;
const kMost = 3;

export const notices = signal<Notice[]>([]);
export const announcement = signal("");

let next = 0;

export function dismiss(id: number) {
  notices.value = notices.value.filter((one) => one.id !== id);
}

export function notify(text: string, action?: Notice["action"]) {
  const notice = { id: ++next, text, ...(action ? { action } : {}) };
  notices.value = [...notices.value, notice].slice(-kMost);
  setTimeout(() => dismiss(notice.id), kShownMs);
}

/** Has a screen reader say something when it is free to. */
export function announce(text: string) {
  // The same words twice are no change, and would stay unsaid.
  announcement.value = text === announcement.value ? text + "\u00a0" : text;
}
