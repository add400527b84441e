import { announcement, dismiss, notices } from "../notices";
import { Icon } from "./Icon";

/** Short messages, and the words that only screen readers get. */
export function Notices() {
  return (
    <>
      <div class="notices" role="status">
        {notices.value.map(({ id, text, action }) => (
          <div class="notice" key={id}>
            <span>{text}</span>
            {action && (
              <button
                type="button"
                class="plain-button"
                onClick={() => {
                  dismiss(id);
                  action.run();
                }}
              >
                {action.label}
              </button>
            )}
            <button
              type="button"
              class="icon-button small"
              aria-label="Dismiss"
              onClick={() => dismiss(id)}
            >
              <Icon name="close" />
            </button>
          </div>
        ))}
      </div>
      <div class="offscreen" aria-live="polite" id="announcement">
        {announcement.value}
      </div>
    </>
  );
}
