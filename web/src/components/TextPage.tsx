import { useSignal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { answerTo, continueText, takeBack } from "../actions";
import { current } from "../chats";
import { childrenOf, shownPath, textOf } from "../conversation";
import { draftOf, setDraft } from "../drafts";
import { runs, stop } from "../generate";
import { model, onlyTexts, reach, shortName } from "../server";
import { AnswerLine } from "./AnswerLine";
import { Branches } from "./Branches";
import { ContextUse } from "./ContextUse";
import { CopyButton } from "./CopyButton";
import { Failure } from "./Failure";
import { Icon } from "./Icon";

const kNearEnd = 40;

function Why() {
  if (!onlyTexts.value || !model.value) return null;
  return (
    <p class="quiet why">
      {shortName(model.value.id)} has no chat template: it continues texts and does not answer
      questions. Write a beginning, and it goes on.
    </p>
  );
}

/** A text that the model continues where it ends. */
export function TextPage() {
  const area = useRef<HTMLTextAreaElement>(null);
  const shown = current.value;
  const key = shown?.meta.id ?? "new-text";
  const run = runs.value.get(key);
  if (run) void run.frame.value;
  const path = shown ? shownPath(shown) : [];
  const stored = textOf(path);
  const typed = useSignal<string | null>(null);
  // What was typed, from the press of the button until it is a part of the conversation.
  const sent = useSignal<string | null>(null);
  useLayoutEffect(() => {
    typed.value = draftOf(key);
    area.current!.focus();
  }, [key]);
  const text = run ? stored : (sent.value ?? typed.value ?? stored);
  useLayoutEffect(() => {
    const { scrollTop, scrollHeight, clientHeight } = area.current!;
    if (run && scrollHeight - scrollTop - clientHeight < kNearEnd * 4) {
      area.current!.scrollTop = scrollHeight;
    }
  }, [text]);
  const set = (value: string | null) => {
    typed.value = value;
    setDraft(key, value);
  };
  const last = path.at(-1);
  const answered = last?.role === "assistant" ? last : null;
  const edited = typed.value !== null && typed.value !== stored;
  const go = () => {
    if (run || sent.value !== null || text.trim() === "" || reach.value.kind !== "ready") return;
    sent.value = text;
    set(null);
    void continueText(text, path, () => (sent.value = null));
  };
  const siblings = answered && shown ? (childrenOf(shown.messages).get(answered.parent) ?? []) : [];
  const free = !run && sent.value === null && answered && !edited;
  return (
    <section class="text-page" aria-label="Text">
      <h1 class="offscreen">{shown?.meta.title ?? "Continue a text"}</h1>
      <Why />
      <textarea
        ref={area}
        value={text}
        readOnly={run !== undefined}
        dir="auto"
        spellcheck={false}
        aria-label="The text"
        aria-busy={run !== undefined}
        placeholder="Once upon a time"
        onInput={(event) => set(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
          event.preventDefault();
          go();
        }}
      />
      {!run && answered?.state === "failed" && <Failure message={answered} busy={false} />}
      {answered?.info && answered.state !== "failed" && !edited && (
        <AnswerLine info={answered.info} live={run !== undefined} />
      )}
      <div class="text-actions">
        {run ? (
          <button type="button" class="button primary" onClick={() => stop(key)}>
            <Icon name="stop" />
            Stop
          </button>
        ) : (
          <button
            type="button"
            class="button primary"
            onClick={go}
            title="Continue (Ctrl Enter)"
            disabled={text.trim() === "" || reach.value.kind !== "ready"}
          >
            Continue
          </button>
        )}
        {free && (
          <>
            <button type="button" class="button" onClick={() => void answerTo(answered.parent)}>
              <Icon name="again" />
              Another way
            </button>
            <button type="button" class="button" onClick={() => void takeBack(path)}>
              <Icon name="back" />
              Take back
            </button>
            <Branches message={answered} siblings={siblings} />
          </>
        )}
        {text !== "" && <CopyButton text={text} label="Copy the text" />}
        <span class="grow" />
        <ContextUse />
      </div>
    </section>
  );
}
