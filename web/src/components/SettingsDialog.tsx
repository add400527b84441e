import { useRef } from "preact/hooks";
import { current, exportAll, importFile, newSystem, patch } from "../chats";
import { props } from "../server";
import { change, cleanSampling, kSampling, settings, type Theme } from "../settings";
import type { Sampling } from "../types";
import { Dialog } from "./Dialog";
import { settingsOpen } from "./layout";

function SystemPrompt() {
  const shown = current.value;
  const text = shown ? shown.meta.system : newSystem.value;
  const set = (system: string) => {
    if (shown) void patch(shown.meta.id, { system });
    else newSystem.value = system;
  };
  return (
    <section>
      <label class="field">
        <span>System prompt of this conversation</span>
        <textarea
          rows={4}
          value={text}
          dir="auto"
          placeholder="None"
          onInput={(event) => set(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={text !== "" && text === settings.value.system}
          disabled={text === ""}
          onChange={(event) => change({ system: event.currentTarget.checked ? text : "" })}
        />
        <span>Begin new conversations with it</span>
      </label>
    </section>
  );
}

function defaultOf(name: keyof Sampling, defaults: Sampling): string {
  const value = defaults[name];
  if (value === undefined) return "server’s choice";
  if (name === "seed" && (value < 0 || value === 4294967295)) return "random";
  if (name === "max_tokens" && value < 0) return "no limit";
  return String(Math.round(value * 1000) / 1000);
}

function SamplingFields() {
  const { sampling } = settings.value;
  const defaults = props.value?.defaults ?? {};
  const set = (name: keyof Sampling, typed: string) => {
    const { [name]: _, ...rest } = sampling;
    change({
      sampling: typed.trim() === "" ? rest : cleanSampling({ ...rest, [name]: Number(typed) }),
    });
  };
  return (
    <section>
      <h3>Sampling</h3>
      <div class="grid">
        {kSampling.map(({ name, label, help, min, max, step }) => (
          <label class="field" key={name} title={help}>
            <span>{label}</span>
            <input
              type="number"
              inputMode="decimal"
              min={min}
              max={max}
              step={step === 1 ? 1 : "any"}
              name={name}
              value={sampling[name] ?? ""}
              placeholder={defaultOf(name, defaults)}
              aria-description={help}
              onChange={(event) => {
                set(name, event.currentTarget.value);
                event.currentTarget.value = String(settings.value.sampling[name] ?? "");
              }}
            />
          </label>
        ))}
      </div>
      <p class="quiet">
        Empty fields leave the choice to the server.{" "}
        <button type="button" class="plain-button" onClick={() => change({ sampling: {} })}>
          Empty all
        </button>
      </p>
    </section>
  );
}

function ThemeChoice() {
  const themes: [Theme, string][] = [
    ["system", "System"],
    ["light", "Light"],
    ["dark", "Dark"],
  ];
  return (
    <fieldset class="choice">
      <legend>Theme</legend>
      {themes.map(([theme, label]) => (
        <label key={theme}>
          <input
            type="radio"
            name="theme"
            value={theme}
            checked={settings.value.theme === theme}
            onChange={() => change({ theme })}
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}

function Data() {
  const file = useRef<HTMLInputElement>(null);
  return (
    <section>
      <h3>Conversations</h3>
      <p class="quiet">
        They are kept in this browser. What you write is sent to {location.host} to be answered, and
        nowhere else by this page.
      </p>
      <div class="row">
        <button type="button" class="button" onClick={() => void exportAll()}>
          Export all
        </button>
        <button type="button" class="button" onClick={() => file.current!.click()}>
          Import…
        </button>
        <input
          ref={file}
          type="file"
          class="offscreen"
          accept="application/json,.json"
          tabIndex={-1}
          aria-label="File with conversations"
          onChange={async (event) => {
            const input = event.currentTarget;
            const chosen = input.files?.[0];
            settingsOpen.value = false;
            if (chosen) await importFile(chosen);
            input.value = "";
          }}
        />
      </div>
    </section>
  );
}

function Keys() {
  return (
    <section>
      <h3>Keys</h3>
      <dl class="keys">
        <dt>
          <kbd>Enter</kbd>
        </dt>
        <dd>sends</dd>
        <dt>
          <kbd>Shift Enter</kbd>
        </dt>
        <dd>new line</dd>
        <dt>
          <kbd>Esc</kbd>
        </dt>
        <dd>stops an answer</dd>
        <dt>
          <kbd>↑</kbd>
        </dt>
        <dd>edits the last message</dd>
        <dt>
          <kbd>Ctrl K</kbd> or <kbd>/</kbd>
        </dt>
        <dd>search</dd>
      </dl>
    </section>
  );
}

export function SettingsDialog() {
  if (!settingsOpen.value) return null;
  return (
    <Dialog title="Settings" class="sheet" close={() => (settingsOpen.value = false)}>
      <SystemPrompt />
      <SamplingFields />
      <ThemeChoice />
      <Data />
      <Keys />
    </Dialog>
  );
}
