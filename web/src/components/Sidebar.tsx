import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { begin, current, list, newKind, store } from "../chats";
import { search, wordsOf, type Found } from "../search";
import type { Kind, Meta } from "../types";
import { ConversationItem } from "./ConversationItem";
import { Flame, Icon } from "./Icon";
import { closeSidebar, settingsOpen } from "./layout";
import { ThemeButton } from "./ThemeButton";

const kSearchMs = 120;
const kDay = 86_400_000;

function groupOf(changed: number, today: number): string {
  if (changed >= today) return "Today";
  if (changed >= today - kDay) return "Yesterday";
  if (changed >= today - 7 * kDay) return "Last seven days";
  return "Earlier";
}

function grouping(metas: Meta[]): [string, Meta[]][] {
  const today = new Date().setHours(0, 0, 0, 0);
  const groups = new Map<string, Meta[]>();
  for (const meta of metas) {
    const name = groupOf(meta.changed, today);
    groups.set(name, [...(groups.get(name) ?? []), meta]);
  }
  return [...groups];
}

function New({ kind, label }: { kind: Kind; label: string }) {
  const here = current.value === null && newKind.value === kind;
  return (
    <button
      type="button"
      class="nav-button"
      aria-current={here ? "page" : undefined}
      onClick={() => {
        begin(kind);
        closeSidebar();
      }}
    >
      <Icon name={kind === "chat" ? "plus" : "text"} />
      {label}
    </button>
  );
}

export function Sidebar({ open }: { open: boolean }) {
  const query = useSignal("");
  const found = useSignal<Found | null>(null);
  const metas = list.value;
  useEffect(() => {
    if (wordsOf(query.value).length === 0) {
      found.value = null;
      return;
    }
    let stale = false;
    const timer = setTimeout(async () => {
      const result = await search(store, list.value, query.value, () => stale);
      if (result) found.value = result;
    }, kSearchMs);
    return () => {
      stale = true;
      clearTimeout(timer);
    };
  }, [query.value, metas]);
  const results = found.value;
  const shown = results ? metas.filter((meta) => results.ids.has(meta.id)) : metas;
  return (
    <nav id="sidebar" class={open ? "sidebar open" : "sidebar"} aria-label="Conversations">
      <div class="brand">
        <Flame />
        <span>hearth</span>
      </div>
      <New kind="chat" label="New chat" />
      <New kind="text" label="Continue a text" />
      <label class="search">
        <Icon name="search" />
        <input
          id="search"
          type="search"
          placeholder="Search"
          aria-label="Search conversations"
          aria-keyshortcuts="Control+K /"
          autocomplete="off"
          value={query.value}
          onInput={(event) => (query.value = event.currentTarget.value)}
        />
        <kbd aria-hidden="true">Ctrl K</kbd>
      </label>
      <div class="conversations">
        {grouping(shown).map(([name, group]) => (
          <section key={name}>
            <h2>{name}</h2>
            <ul>
              {group.map((meta) => (
                <ConversationItem
                  key={meta.id}
                  meta={meta}
                  excerpt={results?.excerpts.get(meta.id) ?? null}
                />
              ))}
            </ul>
          </section>
        ))}
        {shown.length === 0 && (
          <p class="quiet empty-list" role="status">
            {results ? "Nothing found." : "Conversations will be here."}
          </p>
        )}
      </div>
      <div class="sidebar-foot">
        <button type="button" class="nav-button" onClick={() => (settingsOpen.value = true)}>
          <Icon name="sliders" />
          Settings
        </button>
        <ThemeButton />
      </div>
    </nav>
  );
}
