import { describe, expect, it } from "vitest";
// @ts-expect-error plain JavaScript, shared with the tests that run in a browser
import { payloads } from "../../tests/web/payloads.mjs";
import { sanitize } from "../src/markdown/sanitize";
import { MarkdownView } from "../src/markdown/view";

const kAllowed = new Set(
  (
    "A B BLOCKQUOTE BR BUTTON CODE DEL DIV EM H1 H2 H3 H4 H5 H6 HR I INS KBD LI MARK OL P PRE S SPAN " +
    "STRONG SUB SUP TABLE TBODY TD TH THEAD TR U UL"
  ).split(" "),
);
const kAttributes = new Set(["href", "class", "align", "start", "title", "target", "rel", "type"]);
const kClasses = /^(hljs-[a-z_-]+|[a-z]+_{1,2}|task|place|code|code-bar|copy-code|scroll|plain)$/;

function check(root: ParentNode) {
  for (const element of root.querySelectorAll("*")) {
    expect(kAllowed.has(element.tagName), element.outerHTML.slice(0, 200)).toBe(true);
    for (const { name, value } of element.attributes) {
      expect(kAttributes.has(name), `${name}="${value}"`).toBe(true);
      if (name === "href") expect(value).toMatch(/^(https?|mailto):/);
      if (name === "class") {
        for (const one of value.split(" ")) expect(one).toMatch(kClasses);
      }
    }
    if (element.tagName === "A") {
      expect(element.getAttribute("rel")).toContain("noopener noreferrer");
      expect(element.getAttribute("title")).toBe(element.getAttribute("href"));
    }
  }
}

const table = Object.entries(payloads as Record<string, string>);

describe("hostile answers", () => {
  it("are many", () => expect(table.length).toBeGreaterThanOrEqual(30));

  // The long ones are for a real browser (tests/web): jsdom is slow with them.
  const short = table.filter(([, text]) => text.length < 2000);
  it.each(short)("%s as Markdown", (_, text) => {
    const root = document.createElement("div");
    const view = new MarkdownView(root);
    const step = Math.max(1, Math.floor(text.length / 6));
    for (let at = step; at < text.length; at += step) {
      view.update(text.slice(0, at), false);
      check(root);
    }
    view.update(text, true);
    check(root);
  });

  // DOMPurify is the second door: it must hold even if Markdown let HTML through.
  it.each(short)("%s as HTML", (_, text) => {
    const fragment = sanitize(text);
    check(fragment);
    const again = document.createElement("div");
    again.append(sanitize(text));
    const twice = document.createElement("div");
    twice.append(sanitize(again.innerHTML.replaceAll(/<span class="place">[^<]*<\/span>/g, "")));
    check(twice);
  });
});
