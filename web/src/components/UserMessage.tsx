import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { edit } from "../actions";
import type { Message } from "../types";
import { Branches } from "./Branches";
import { CopyButton } from "./CopyButton";
import { Icon } from "./Icon";

interface Props {
  message: Message;
  siblings: Message[];
  busy: boolean;
}

function Editor({ message, done }: { message: Message; done: () => void }) {
  const area = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => {
    area.current!.focus();
    area.current!.setSelectionRange(message.text.length, message.text.length);
  }, []);
  const submit = () => {
    const text = area.current!.value.trim();
    if (text === "") return;
    done();
    void edit(message, text);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.isComposing) return;
    if (event.key === "Escape") {
      event.stopPropagation();
      done();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      submit();
    }
  };
  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <textarea ref={area} aria-label="Edit your message" rows={3} dir="auto" onKeyDown={onKeyDown}>
        {message.text}
      </textarea>
      <div class="edit-actions">
        <span class="quiet">What followed stays as another version.</span>
        <button type="button" class="button" onClick={done}>
          Cancel
        </button>
        <button type="submit" class="button primary">
          Send
        </button>
      </div>
    </form>
  );
}

export function UserMessage({ message, siblings, busy }: Props) {
  const editing = useSignal(false);
  if (editing.value) return <Editor message={message} done={() => (editing.value = false)} />;
  return (
    <article class="user" aria-label="You">
      <div class="bubble" dir="auto">
        {message.text}
      </div>
      <div class="actions">
        <Branches message={message} siblings={siblings} />
        <CopyButton text={message.text} label="Copy your message" />
        <button
          type="button"
          class="icon-button small edit-button"
          aria-label="Edit your message"
          title="Edit your message"
          disabled={busy}
          onClick={() => (editing.value = true)}
        >
          <Icon name="pen" />
        </button>
      </div>
    </article>
  );
}
