import { effect } from "@preact/signals";
import { render } from "preact";
import { begin, current, newKind, newSystem, openStore, show } from "./chats";
import { App } from "./components/App";
import { followKeyProblems } from "./components/KeyDialog";
import { recover } from "./generate";
import { isId } from "./ids";
import { onlyTexts, startServer } from "./server";
import { settings, startSettings } from "./settings";
import "./styles/base.css";
import "./styles/sidebar.css";
import "./styles/layout.css";
import "./styles/messages.css";
import "./styles/markdown.css";
import "./styles/forms.css";
import "./styles/dialogs.css";

async function followAddress() {
  const id = location.hash.slice(1);
  if (!isId(id)) {
    if (current.value) begin("chat");
    return;
  }
  if (!(await show(id))) begin("chat");
}

async function start() {
  startSettings();
  newSystem.value = settings.value.system;
  startServer();
  followKeyProblems();
  // The page of a new conversation is for what the model can do.
  effect(() => {
    if (onlyTexts.value && current.peek() === null) newKind.value = "text";
  });
  await openStore();
  await recover();
  await followAddress();
  window.addEventListener("hashchange", () => void followAddress());
  render(<App />, document.getElementById("app")!);
}

void start();
