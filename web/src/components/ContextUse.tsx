import { current } from "../chats";
import { shownPath } from "../conversation";
import { grouped } from "../errors";
import { contextSize } from "../server";

/** How much of the context the last answer filled, where the server says so. */
export function ContextUse() {
  const size = contextSize.value;
  const shown = current.value;
  const info = shown
    ? shownPath(shown).findLast((m) => m.info?.promptTokens !== undefined)?.info
    : undefined;
  if (size === null) return <span />;
  const used = info ? (info.promptTokens ?? 0) + (info.answerTokens ?? 0) : null;
  if (used === null) return <span class="context">Context {grouped(size)} tokens</span>;
  return (
    <span class="context">
      <svg
        class={used > size * 0.85 ? "gauge full" : "gauge"}
        viewBox="0 0 100 10"
        preserveAspectRatio="none"
        role="meter"
        aria-label="Context used"
        aria-valuemin={0}
        aria-valuemax={size}
        aria-valuenow={used}
      >
        <rect width={Math.min(100, (100 * used) / size)} height={10} />
      </svg>
      Context {grouped(used)} of {grouped(size)}
    </span>
  );
}
