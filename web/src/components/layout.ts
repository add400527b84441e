import { signal } from "@preact/signals";

export const sidebarOpen = signal(false);
export const settingsOpen = signal(false);

export function closeSidebar() {
  sidebarOpen.value = false;
}
