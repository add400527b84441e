const paths = {
  menu: "M4 7h16M4 12h16M4 17h16",
  pen: "M4 20h4L19 9l-4-4L4 16v4zM13.5 6.5l4 4",
  plus: "M12 5v14M5 12h14",
  text: "M5 7h14M5 12h14M5 17h9",
  search: "M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM15.5 15.5 20 20",
  trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7",
  copy: "M9 9V5h10v10h-4M5 9h10v10H5z",
  check: "m5 12.5 4.5 4.5L19 7.5",
  again: "M19 12a7 7 0 1 1-2.2-5.1M19 4v4.5h-4.5",
  send: "M12 19V5.5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  left: "m14.5 6-6 6 6 6",
  right: "m9.5 6 6 6-6 6",
  down: "M12 5v13.5M6 13l6 6 6-6",
  close: "M6 6l12 12M18 6 6 18",
  sliders:
    "M4 8h9M19 8h1M4 16h1M11 16h9M16 10.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM8 18.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5z",
  sun: "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM12 3v2M12 19v2M3 12h2M19 12h2M5.6 5.6 7 7M17 17l1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z",
  screen: "M4 5h16v11H4zM9 20h6M12 16v4",
  wrench:
    "M14.5 6.5a4 4 0 0 1 5-1l-2.8 2.8 1 2 2 1L22 8.5M14.5 6.5a4 4 0 0 0-.4 4.6L5.5 19.7a1.8 1.8 0 0 0 2.5 0l7.5-7.5",
  warning: "M12 4 2.8 20h18.4zM12 10v4.5M12 17v.5",
  back: "M9 7 4.5 11.5 9 16M5 11.5h9.5a4.5 4.5 0 0 1 0 9H12",
};

export type IconName = keyof typeof paths;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

export function Flame() {
  return (
    <svg class="flame" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        class="flame-outer"
        d="M16.6 3c.5 4.2-1.3 6.1-3.5 8.6C10.9 14.2 8.8 16.6 8.8 19.9c0 4.5 3.3 7.8 7.4 7.8s7.2-3.3 7.2-7.7c0-2.8-1.2-4.8-2.5-6.7-.5 1.6-1.3 2.5-2.4 3.2.6-5.2-.1-9.8-1.9-13.5z"
      />
      <path
        class="flame-inner"
        d="M16.2 16.3c.1 2.1-3 3.2-3 6.3 0 2.1 1.3 3.3 2.9 3.3s2.9-1.2 2.9-3.2c0-2.3-1.8-3.5-2.8-6.4z"
      />
    </svg>
  );
}
