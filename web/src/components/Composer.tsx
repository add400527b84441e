import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { send } from "../actions";
import { current } from "../chats";
import { draftOf, setDraft } from "../drafts";
import { runs, stop } from "../generate";
import { reach } from "../server";
import { ContextUse } from "./ContextUse";
import { Icon } from "./Icon";

/** Where there is no real keyboard, Enter makes a new line, as everywhere on phones. */
const touch = matchMedia("(pointer: coarse)");

export function Composer() {
  const area = useRef<HTMLTextAreaElement>(null);
  const key = current.value?.meta.id ?? "new";
  const text = useSignal(draftOf(key) ?? "");
  const run = runs.value.get(key);
  const set = (value: string) => {
    text.value = value;
    setDraft(key, value === "" ? null : value);
  };
  useLayoutEffect(() => {
    text.value = draftOf(key) ?? "";
    if (!touch.matches) area.current!.focus();
  }, [key]);
  const submit = () => {
    const value = text.value.trim();
    if (value === "" || run) return;
    set("");
    void send(value);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    // While an input method composes, Enter chooses a word.
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey && !touch.matches) {
      event.preventDefault();
      submit();
    } else if (event.key === "ArrowUp" && text.value === "") {
      const edits = document.querySelectorAll<HTMLButtonElement>(".edit-button:enabled");
      if (edits.length === 0) return;
      event.preventDefault();
      edits[edits.length - 1]!.click();
    }
  };
  return (
    <form
      class="composer"
      aria-label="Message"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <div class="composer-box">
        <textarea
          ref={area}
          rows={1}
          value={text.value}
          dir="auto"
          aria-label="Your message"
          placeholder="Write a message"
          enterkeyhint={touch.matches ? "enter" : "send"}
          onInput={(event) => set(event.currentTarget.value)}
          onKeyDown={onKeyDown}
        />
        {run ? (
          <button
            type="button"
            class="send"
            aria-label="Stop"
            title="Stop (Esc)"
            onClick={() => stop(key)}
          >
            <Icon name="stop" />
          </button>
        ) : (
          <button
            type="submit"
            class="send"
            aria-label="Send"
            title="Send (Enter)"
            disabled={text.value.trim() === "" || reach.value.kind !== "ready"}
          >
            <Icon name="send" />
          </button>
        )}
      </div>
      <div class="composer-foot">
        <ContextUse />
        <span class="hints">
          <kbd>Enter</kbd> sends <kbd>Shift Enter</kbd> new line
          {run && (
            <>
              {" "}
              <kbd>Esc</kbd> stops
            </>
          )}
        </span>
      </div>
    </form>
  );
}
