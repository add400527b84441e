import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { copyText } from "../clipboard";
import { childrenOf, shownPath } from "../conversation";
import { runs } from "../generate";
import { announce } from "../notices";
import type { Conversation } from "../types";
import { Answer } from "./Answer";
import { Icon } from "./Icon";
import { UserMessage } from "./UserMessage";

const kNearEnd = 60;

function onCopy(event: MouseEvent) {
  const button = (event.target as Element).closest?.("button.copy-code");
  if (!button) return;
  const code = button.closest(".code")?.querySelector("code")?.textContent ?? "";
  void copyText(code).then((copied) => {
    button.textContent = copied ? "Copied" : "Not allowed";
    announce(copied ? "Copied" : "The browser did not allow copying");
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
}

/** A column that follows what is written at its end, until someone scrolls up. */
export function Follow({
  id,
  count,
  children,
}: {
  id: string;
  count: number;
  children: ComponentChildren;
}) {
  const scroll = useRef<HTMLDivElement>(null);
  const content = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  const away = useSignal(false);
  const top = useRef(0);
  const toEnd = () => {
    follows.current = true;
    scroll.current!.scrollTop = scroll.current!.scrollHeight;
  };
  const look = () => {
    const { scrollTop, scrollHeight, clientHeight } = scroll.current!;
    // What grows moves the end away; only a person scrolls up.
    if (scrollHeight - scrollTop - clientHeight < kNearEnd) follows.current = true;
    else if (scrollTop < top.current) follows.current = false;
    top.current = scrollTop;
    away.value = !follows.current;
  };
  useLayoutEffect(() => {
    toEnd();
    const observer = new ResizeObserver(() => (follows.current ? toEnd() : look()));
    observer.observe(content.current!);
    observer.observe(scroll.current!);
    return () => observer.disconnect();
  }, [id]);
  useLayoutEffect(toEnd, [count]);
  return (
    <div class="follow">
      <div class="scroller" ref={scroll} onScroll={look} onClick={onCopy}>
        <div class="column" ref={content}>
          {children}
        </div>
      </div>
      {away.value && (
        <button type="button" class="icon-button to-end" aria-label="To the end" onClick={toEnd}>
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

export function Transcript({ conversation }: { conversation: Conversation }) {
  const { meta, messages } = conversation;
  const path = shownPath(conversation);
  const children = childrenOf(messages);
  const busy = runs.value.has(meta.id);
  const start = path.findIndex((message) => message.id === meta.start);
  return (
    <Follow id={meta.id} count={messages.size}>
      <h1 class="offscreen">{meta.title}</h1>
      {path.map((message, i) => {
        const Part = message.role === "user" ? UserMessage : Answer;
        return (
          <div class={i < start ? "turn left-out" : "turn"} key={message.id}>
            {i === start && i > 0 && (
              <p class="divider">
                What is above is no longer sent: the context has no room for it.
              </p>
            )}
            <Part message={message} siblings={children.get(message.parent) ?? []} busy={busy} />
          </div>
        );
      })}
    </Follow>
  );
}
