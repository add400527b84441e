import { useLayoutEffect, useRef } from "preact/hooks";
import { Pace } from "../markdown/pace";
import { MarkdownView } from "../markdown/view";

/** Markdown of a model; `finished` when no more comes. */
export function Markdown({ text, finished }: { text: string; finished: boolean }) {
  const root = useRef<HTMLDivElement>(null);
  const view = useRef<MarkdownView | null>(null);
  const pace = useRef(new Pace());
  useLayoutEffect(() => {
    const shown = (view.current ??= new MarkdownView(root.current!));
    pace.current.run(() => shown.update(text, finished), finished);
  }, [text, finished]);
  useLayoutEffect(() => () => pace.current.cancel(), []);
  return <div class="md" ref={root} dir="auto" />;
}
