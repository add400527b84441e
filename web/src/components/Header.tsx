import { model, models, shortName } from "../server";
import { change } from "../settings";
import { Icon } from "./Icon";
import { settingsOpen, sidebarOpen } from "./layout";

function ModelPicker() {
  const shown = model.value;
  const all = models.value;
  if (!shown) return <span class="model quiet">No model</span>;
  if (all.length === 1)
    return (
      <span class="model" title={shown.id}>
        {shortName(shown.id)}
      </span>
    );
  return (
    <select
      class="model"
      aria-label="Model"
      title={shown.id}
      value={shown.id}
      onChange={(event) => change({ model: event.currentTarget.value })}
    >
      {all.map(({ id }) => (
        <option key={id} value={id} selected={id === shown.id}>
          {shortName(id)}
        </option>
      ))}
    </select>
  );
}

export function Header() {
  return (
    <header class="header">
      <button
        type="button"
        class="icon-button only-narrow"
        aria-label="Conversations"
        aria-controls="sidebar"
        aria-expanded={sidebarOpen.value}
        onClick={() => (sidebarOpen.value = !sidebarOpen.value)}
      >
        <Icon name="menu" />
      </button>
      <ModelPicker />
      <span class="grow" />
      <button
        type="button"
        class="icon-button only-narrow"
        aria-label="Settings"
        title="Settings"
        onClick={() => (settingsOpen.value = true)}
      >
        <Icon name="sliders" />
      </button>
    </header>
  );
}
