import { showBranch } from "../actions";
import type { Message } from "../types";
import { Icon } from "./Icon";

/** Goes between messages that stand in the same place. */
export function Branches({ message, siblings }: { message: Message; siblings: Message[] }) {
  const at = siblings.findIndex((one) => one.id === message.id);
  if (siblings.length < 2 || at < 0) return null;
  const go = (step: number) => () => void showBranch(siblings[at + step]!);
  return (
    <span class="branches" role="group" aria-label="Versions">
      <button
        type="button"
        class="icon-button small"
        aria-label="Earlier version"
        disabled={at === 0}
        onClick={go(-1)}
      >
        <Icon name="left" />
      </button>
      <span>
        {at + 1} / {siblings.length}
      </span>
      <button
        type="button"
        class="icon-button small"
        aria-label="Later version"
        disabled={at + 1 === siblings.length}
        onClick={go(1)}
      >
        <Icon name="right" />
      </button>
    </span>
  );
}
