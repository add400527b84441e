import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { current, remove, rename } from "../chats";
import { runs } from "../generate";
import type { Meta } from "../types";
import { Icon } from "./Icon";
import { closeSidebar } from "./layout";

function TitleEditor({ meta, done }: { meta: Meta; done: () => void }) {
  const input = useRef<HTMLInputElement>(null);
  const left = useRef(false);
  useLayoutEffect(() => input.current!.select(), []);
  const leave = (keep: boolean) => {
    if (left.current) return;
    left.current = true;
    if (keep) void rename(meta.id, input.current!.value);
    done();
  };
  return (
    <input
      ref={input}
      class="title-input"
      aria-label="Title"
      value={meta.title}
      maxLength={200}
      onBlur={() => leave(true)}
      onKeyDown={(event) => {
        if (event.isComposing) return;
        if (event.key === "Enter") leave(true);
        if (event.key === "Escape") {
          event.stopPropagation();
          leave(false);
        }
      }}
    />
  );
}

export function ConversationItem({ meta, excerpt }: { meta: Meta; excerpt: string | null }) {
  const editing = useSignal(false);
  const link = useRef<HTMLAnchorElement>(null);
  const here = current.value?.meta.id === meta.id;
  if (editing.value) {
    const done = () => {
      editing.value = false;
      requestAnimationFrame(() => link.current?.focus());
    };
    return (
      <li class="item">
        <TitleEditor meta={meta} done={done} />
      </li>
    );
  }
  return (
    <li class={here ? "item here" : "item"}>
      <a
        ref={link}
        href={`#${meta.id}`}
        aria-current={here ? "page" : undefined}
        title={meta.title}
        onClick={closeSidebar}
      >
        <span class="item-title">{meta.title || "Untitled"}</span>
        {excerpt && <span class="excerpt">{excerpt}</span>}
      </a>
      {runs.value.has(meta.id) && <span class="pulse" role="img" aria-label="Being answered" />}
      <span class="item-actions">
        <button
          type="button"
          class="icon-button small"
          aria-label={`Rename “${meta.title}”`}
          title="Rename"
          onClick={() => (editing.value = true)}
        >
          <Icon name="pen" />
        </button>
        <button
          type="button"
          class="icon-button small"
          aria-label={`Delete “${meta.title}”`}
          title="Delete"
          onClick={() => void remove(meta.id)}
        >
          <Icon name="trash" />
        </button>
      </span>
    </li>
  );
}
