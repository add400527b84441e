// What a person can do with messages.

import { append, current, ensureCurrent, patch } from "./chats";
import { leafBelow, newMessage, pathTo, startThatFits, whereEdited } from "./conversation";
import type { Problem } from "./errors";
import { generate, textWindow } from "./generate";
import type { Message } from "./types";

/** The part of the context that questions may fill, so that there is room for an answer. */
const kQuestionShare = 0.75;

export async function send(text: string) {
  const begun = current.value === null;
  const conversation = await ensureCurrent(text);
  const leaf = begun ? null : conversation.meta.leaf;
  const message = newMessage(conversation.meta.id, leaf, "user", text, Date.now());
  await append(conversation, message);
  await answerTo(message.id);
}

/** Has `parent` answered, beside answers that it may have already. */
export async function answerTo(parent: string | null) {
  const shown = current.value;
  if (shown) await generate(shown, parent);
}

/** Says something else in the place of a message; what followed the old one stays beside. */
export async function edit(message: Message, text: string) {
  const shown = current.value;
  if (!shown) return;
  const other = newMessage(shown.meta.id, message.parent, "user", text, Date.now());
  // What was left out before the old message stays left out.
  if (shown.meta.start === message.id) await patch(shown.meta.id, { start: other.id });
  if (current.value) await append(current.value, other);
  await answerTo(other.id);
}

export async function showBranch(message: Message) {
  const shown = current.value;
  if (shown) await patch(shown.meta.id, { leaf: leafBelow(shown.messages, message.id) });
}

/** Leaves out what is oldest and asks again; false when there is nothing more to leave out. */
export async function leaveOut(failed: Message, problem: Problem & { kind: "context" }) {
  const shown = current.value;
  if (!shown) return false;
  const { id, kind } = shown.meta;
  const room = problem.room * kQuestionShare;
  const path = pathTo(shown.messages, failed.parent);
  if (kind === "text") {
    const length = path.reduce((sum, one) => sum + one.text.length, 0);
    const sent = Math.min(textWindow.get(id) ?? length, length);
    textWindow.set(id, Math.floor((sent * room) / problem.tokens));
  } else {
    const start = startThatFits(shown.meta, path, problem.tokens, room);
    if (start === null) return false;
    await patch(id, { start });
  }
  await answerTo(failed.parent);
  return true;
}

/** Has an edited text continued; `stored` is called once it is a part of the conversation. */
export async function continueText(text: string, path: Message[], stored: () => void) {
  const conversation = await ensureCurrent(text);
  const { parent, rest } = whereEdited(path, text);
  let last = parent;
  if (rest !== "") {
    const written = newMessage(conversation.meta.id, parent, "user", rest, Date.now());
    await append(conversation, written);
    last = written.id;
  }
  const answered = answerTo(last);
  stored();
  await answered;
}

/** Takes the last continuation back; it stays in the conversation, beside what comes next. */
export async function takeBack(path: Message[]) {
  const shown = current.value;
  const last = path.at(-1);
  if (shown && last?.role === "assistant") await patch(shown.meta.id, { leaf: last.parent });
}
