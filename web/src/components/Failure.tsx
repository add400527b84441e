import { answerTo, leaveOut } from "../actions";
import { problems } from "../generate";
import { notify } from "../notices";
import { current } from "../chats";
import { apiKey } from "../settings";
import { askKey } from "./KeyDialog";
import type { Message } from "../types";
import { Icon } from "./Icon";

/** Why there is no answer, and what can be done. */
export function Failure({ message, busy }: { message: Message; busy: boolean }) {
  const problem = problems.value.get(message.id);
  const cut = async () => {
    if (problem?.kind !== "context" || (await leaveOut(message, problem))) return;
    notify("The last message alone is too long. Edit it to make it shorter.");
  };
  const text = current.value?.meta.kind === "text";
  return (
    <div class="failure">
      <Icon name="warning" />
      <p>{message.error ?? "The answer failed."}</p>
      <div class="failure-actions">
        {problem?.kind === "context" && (
          <button type="button" class="button primary" disabled={busy} onClick={() => void cut()}>
            {text ? "Continue from the end only" : "Leave out the oldest turns"}
          </button>
        )}
        {problem?.kind === "key" && (
          <button type="button" class="button primary" onClick={() => (askKey.value = true)}>
            {apiKey.value ? "Enter another key" : "Enter the key"}
          </button>
        )}
        {problem?.kind !== "context" && (
          <button
            type="button"
            class="button"
            disabled={busy}
            onClick={() => void answerTo(message.parent)}
          >
            Try again
          </button>
        )}
      </div>
    </div>
  );
}
