// What is typed and not sent yet, for each conversation, until the tab is closed.

const kPrefix = "hearth.draft.";
const kLongest = 1_000_000;
const drafts = new Map<string, string>();

export function draftOf(key: string): string | null {
  try {
    return drafts.get(key) ?? sessionStorage.getItem(kPrefix + key);
  } catch {
    return drafts.get(key) ?? null;
  }
}

export function setDraft(key: string, text: string | null) {
  if (text === null) drafts.delete(key);
  else drafts.set(key, text);
  try {
    if (text === null || text.length > kLongest) sessionStorage.removeItem(kPrefix + key);
    else sessionStorage.setItem(kPrefix + key, text);
  } catch {
    // Then it lives as long as the page.
  }
}
