import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { answerTo } from "../actions";
import { runs, type Phase } from "../generate";
import type { Message, ToolCall } from "../types";
import { AnswerLine } from "./AnswerLine";
import { Branches } from "./Branches";
import { CopyButton } from "./CopyButton";
import { Failure } from "./Failure";
import { Icon } from "./Icon";
import { Markdown } from "./Markdown";

/** A tab that writes an answer stores it more often than this. */
const kAliveMs = 5000;

function pretty(args: string): string {
  try {
    return JSON.stringify(JSON.parse(args), null, 2);
  } catch {
    return args;
  }
}

function Tool({ call }: { call: ToolCall }) {
  return (
    <details class="tool">
      <summary>
        <Icon name="wrench" />
        Tool call: <code>{call.name || "…"}</code>
      </summary>
      <pre>
        <code>{pretty(call.arguments)}</code>
      </pre>
    </details>
  );
}

function Reasoning({ text, thinking }: { text: string; thinking: boolean }) {
  const open = useSignal(false);
  return (
    <details
      class="reasoning"
      open={open.value}
      onToggle={(event) => (open.value = event.currentTarget.open)}
    >
      <summary>{thinking ? <span class="shimmer">Thinking…</span> : "Thoughts"}</summary>
      {open.value && <Markdown text={text} finished={!thinking} />}
    </details>
  );
}

function Waiting({ phase }: { phase: Phase }) {
  const left = useSignal(0);
  const until = phase.kind === "waiting" ? phase.until : 0;
  useEffect(() => {
    const count = () => (left.value = Math.max(0, Math.ceil((until - Date.now()) / 1000)));
    count();
    const timer = setInterval(count, 250);
    return () => clearInterval(timer);
  }, [until]);
  if (phase.kind === "reading")
    return (
      <p class="waiting">
        <span class="shimmer">Reading…</span>
      </p>
    );
  if (phase.kind === "writing") return null;
  const why =
    phase.problem.kind === "loading" ? "The model is still loading." : "The server is busy.";
  return (
    <p class="waiting" role="status">
      {why} Asking again {left.value > 0 ? `in ${left.value} s` : "now"}.
    </p>
  );
}

/** What is the case with an answer that stands as unfinished: perhaps another tab is writing it. */
function useElsewhere(message: Message, mine: boolean): "writing" | "left" | null {
  const now = useSignal(Date.now());
  const waits = message.state === "writing" && !mine;
  useEffect(() => {
    if (!waits) return;
    const timer = setInterval(() => (now.value = Date.now()), 1000);
    return () => clearInterval(timer);
  }, [waits]);
  if (!waits) return null;
  return now.value - message.saved < kAliveMs ? "writing" : "left";
}

function endNote(
  { state, info, error }: Message,
  elsewhere: "writing" | "left" | null,
): string | null {
  if (elsewhere === "writing") return "Being written in another tab…";
  if (elsewhere === "left") return "The page was closed before the answer ended.";
  if (state === "stopped") return error ?? "Stopped.";
  if (state === "done" && info?.finish === "length") {
    return "The answer ends here: it reached the longest length set, or the context is full.";
  }
  return null;
}

interface Props {
  message: Message;
  siblings: Message[];
  busy: boolean;
}

export function Answer({ message, siblings, busy }: Props) {
  const run = runs.value.get(message.conversation);
  const mine = run?.message.id === message.id;
  if (mine) void run.frame.value;
  const { text, reasoning, tools, info, state } = message;
  const elsewhere = useElsewhere(message, mine);
  const note = mine ? null : endNote(message, elsewhere);
  const thinking = mine && text === "";
  return (
    <article class="answer" aria-label="Answer" aria-busy={mine}>
      {reasoning && <Reasoning text={reasoning} thinking={thinking} />}
      {text !== "" && <Markdown text={text} finished={!mine && elsewhere !== "writing"} />}
      {tools?.map((call, i) => (
        <Tool key={i} call={call} />
      ))}
      {mine && <Waiting phase={run.phase.value} />}
      {note && <p class="note">{note}</p>}
      {!mine && state === "failed" && <Failure message={message} busy={busy} />}
      {info && state !== "failed" && <AnswerLine info={info} live={mine} />}
      {!mine && (
        <div class="actions">
          <Branches message={message} siblings={siblings} />
          {text !== "" && <CopyButton text={text} label="Copy the answer" />}
          <button
            type="button"
            class="icon-button small"
            aria-label="Answer again"
            title="Answer again"
            disabled={busy}
            onClick={() => void answerTo(message.parent)}
          >
            <Icon name="again" />
          </button>
        </div>
      )}
    </article>
  );
}
