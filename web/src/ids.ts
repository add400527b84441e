/**
 * 128 random bits as text. randomUUID would need a secure context, which http in a home network is
 * not.
 */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function isId(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-zA-Z-]{1,64}$/.test(value);
}

/** Names this tab, also after a reload. */
export const tabId = (() => {
  try {
    const id = sessionStorage.getItem("hearth.tab") ?? newId();
    sessionStorage.setItem("hearth.tab", id);
    return id;
  } catch {
    return newId();
  }
})();
