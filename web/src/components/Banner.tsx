import { unkept } from "../chats";
import { explain } from "../errors";
import { connect, reach } from "../server";
import { askKey } from "./KeyDialog";

/** What is wrong with the server or the browser for the whole page. */
export function Banner() {
  const now = reach.value;
  const problem = now.kind === "problem" ? now.problem : null;
  return (
    <>
      {now.kind === "problem" && problem && (
        <div class="banner" role="alert">
          <span>
            {explain(problem)}
            {now.again ? " Asking again…" : ""}
          </span>
          {problem.kind === "key" ? (
            <button type="button" class="plain-button" onClick={() => (askKey.value = true)}>
              Enter the key
            </button>
          ) : (
            <button type="button" class="plain-button" onClick={() => void connect()}>
              Ask now
            </button>
          )}
        </div>
      )}
      {unkept.value && (
        <div class="banner" role="alert">
          This browser lets the page keep nothing ({unkept.value}): conversations end with this tab.
        </div>
      )}
    </>
  );
}
