import { effect, signal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { connect, reach } from "../server";
import { apiKey, setApiKey } from "../settings";
import { Dialog } from "./Dialog";

export const askKey = signal(false);

/** Opens the dialog whenever the server asks for a key. */
export function followKeyProblems() {
  effect(() => {
    const now = reach.value;
    if (now.kind === "problem" && now.problem.kind === "key") askKey.value = true;
  });
}

export function KeyDialog() {
  const input = useRef<HTMLInputElement>(null);
  if (!askKey.value) return null;
  const close = () => (askKey.value = false);
  const submit = (event: Event) => {
    event.preventDefault();
    const key = input.current!.value.trim();
    if (key === "") return;
    close();
    if (key === apiKey.value) void connect();
    setApiKey(key);
  };
  return (
    <Dialog title="API key" close={close}>
      <form onSubmit={submit}>
        <p>
          {apiKey.value === ""
            ? "This server answers only with a key, the one it was started with."
            : "The server did not accept the key."}
        </p>
        <label class="field">
          <span>Key</span>
          <input
            ref={input}
            type="password"
            autocomplete="off"
            spellcheck={false}
            required
            autofocus
          />
        </label>
        <p class="quiet">It is kept until this tab is closed, and sent to this server only.</p>
        <div class="dialog-actions">
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class="button primary">
            Use this key
          </button>
        </div>
      </form>
    </Dialog>
  );
}
