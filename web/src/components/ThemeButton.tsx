import { change, settings, type Theme } from "../settings";
import { Icon, type IconName } from "./Icon";

const kNext: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const kIcon: Record<Theme, IconName> = { system: "screen", dark: "moon", light: "sun" };
const kName: Record<Theme, string> = { system: "as the system", dark: "dark", light: "light" };

export function ThemeButton() {
  const { theme } = settings.value;
  const label = `Theme: ${kName[theme]}. Change to ${kName[kNext[theme]]}`;
  return (
    <button
      type="button"
      class="icon-button theme-button"
      aria-label={label}
      title={label}
      onClick={() => change({ theme: kNext[theme] })}
    >
      <Icon name={kIcon[theme]} />
    </button>
  );
}
