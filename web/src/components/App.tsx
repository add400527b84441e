import { useEffect } from "preact/hooks";
import { begin, current, newKind } from "../chats";
import { runs, stop } from "../generate";
import { model, onlyTexts, serverPlace, shortName } from "../server";
import { Banner } from "./Banner";
import { Composer } from "./Composer";
import { Header } from "./Header";
import { Flame } from "./Icon";
import { KeyDialog } from "./KeyDialog";
import { closeSidebar, sidebarOpen } from "./layout";
import { Notices } from "./Notices";
import { SettingsDialog } from "./SettingsDialog";
import { Sidebar } from "./Sidebar";
import { TextPage } from "./TextPage";
import { Transcript } from "./Transcript";

function onKeyDown(event: KeyboardEvent) {
  const target = event.target as HTMLElement;
  const types = /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  const slash = event.key === "/" && !types && !event.ctrlKey && !event.metaKey && !event.altKey;
  const ctrlK = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey);
  if (document.querySelector("dialog[open]")) return;
  if (slash || ctrlK) {
    event.preventDefault();
    sidebarOpen.value = true;
    requestAnimationFrame(() => document.querySelector<HTMLInputElement>("#search")?.focus());
  } else if (event.key === "Escape") {
    const shown = current.value?.meta.id;
    if (sidebarOpen.value) closeSidebar();
    else if (shown && runs.value.has(shown)) stop(shown);
  }
}

function Greeting() {
  return (
    <div class="greeting">
      <Flame />
      <h1>{model.value ? shortName(model.value.id) : "hearth"}</h1>
      <p>
        What you write is sent to {serverPlace()} ({location.host}) and kept in this browser.
      </p>
    </div>
  );
}

/** A model without a chat template would take questions for texts. */
function NoChat() {
  return (
    <div class="no-chat" role="note">
      <p>
        {model.value ? shortName(model.value.id) : "This model"} is no chat model: it has no chat
        template. It can continue a text.
      </p>
      <button type="button" class="button primary" onClick={() => begin("text")}>
        Continue a text
      </button>
    </div>
  );
}

export function App() {
  const shown = current.value;
  const kind = shown?.meta.kind ?? newKind.value;
  useEffect(() => {
    window.addEventListener("keydown", onKeyDown);
    return () => window.removeEventListener("keydown", onKeyDown);
  }, []);
  useEffect(() => {
    document.title = shown ? `${shown.meta.title} · hearth` : "hearth";
  }, [shown?.meta.title]);
  return (
    <div class="app">
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.querySelector<HTMLTextAreaElement>("main textarea")?.focus();
        }}
      >
        Skip to the conversation
      </a>
      <Sidebar open={sidebarOpen.value} />
      {sidebarOpen.value && <div class="shade" onClick={closeSidebar} />}
      <main id="main" class="main">
        <Header />
        <Banner />
        {kind === "text" ? (
          <TextPage />
        ) : (
          <>
            {shown ? <Transcript conversation={shown} /> : <Greeting />}
            {onlyTexts.value ? <NoChat /> : <Composer />}
          </>
        )}
      </main>
      <SettingsDialog />
      <KeyDialog />
      <Notices />
    </div>
  );
}
