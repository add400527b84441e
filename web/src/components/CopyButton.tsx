import { useSignal } from "@preact/signals";
import { copyText } from "../clipboard";
import { announce } from "../notices";
import { Icon } from "./Icon";

export function CopyButton({ text, label }: { text: string; label: string }) {
  const copied = useSignal(false);
  const copy = async () => {
    copied.value = await copyText(text);
    announce(copied.value ? "Copied" : "The browser did not allow copying");
    setTimeout(() => (copied.value = false), 1500);
  };
  return (
    <button
      type="button"
      class="icon-button small"
      aria-label={label}
      title={label}
      onClick={() => void copy()}
    >
      <Icon name={copied.value ? "check" : "copy"} />
    </button>
  );
}
