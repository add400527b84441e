// One block of Markdown as elements.

import { Lexer, Marked, Parser, type Links, type RendererObject, type Token } from "marked";
import { escapeHtml, highlight, languageOf } from "./highlight";
import { mend } from "./mend";
import { addressOf, sanitize } from "./sanitize";

/** Tags that say how text looks; any other HTML in an answer is shown as the text that it is. */
const kPlainTag = /^<\/?(?:b|br|del|em|i|ins|kbd|mark|s|strong|sub|sup|u)\s*\/?>$/i;

const renderer: RendererObject = {
  html({ text }) {
    return text
      .split(/(<[^<>]*>)/)
      .map((part) => (kPlainTag.test(part) ? part : escapeHtml(part)))
      .join("");
  },
  code({ text, lang }) {
    const language = languageOf(lang);
    return `<pre><code>${highlight(text, language)}</code></pre>`;
  },
  // An image would have to be fetched from somewhere. What it shows and where it is can be read
  // instead.
  image({ href, text }) {
    const said = escapeHtml(`Image: ${text || "without a description"}`);
    const url = addressOf(href);
    return url ? `<a href="${escapeHtml(url.href)}">${said}</a>` : `<em>${said}</em>`;
  },
  checkbox({ checked }) {
    return `<span class="task">${checked ? "☑" : "☐"} </span>`;
  },
};

const marked = new Marked({ gfm: true, renderer });

function parse(tokens: Token[]): string {
  return new Parser(marked.defaults).parse(tokens);
}

/** The element that shows code, with its language and a button that copies it. */
export function codeFrame(language: string): { frame: HTMLElement; code: HTMLElement } {
  const frame = document.createElement("div");
  frame.className = "code";
  const bar = document.createElement("div");
  bar.className = "code-bar";
  const name = document.createElement("span");
  name.textContent = language || "text";
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy-code";
  button.textContent = "Copy";
  bar.append(name, button);
  const pre = document.createElement("pre");
  const code = document.createElement("code");
  pre.append(code);
  frame.append(bar, pre);
  return { frame, code };
}

function frameCode(fragment: DocumentFragment, languages: string[]) {
  [...fragment.querySelectorAll("pre")].forEach((pre, i) => {
    const { frame, code } = codeFrame(languages[i] ?? "");
    code.append(...(pre.querySelector("code") ?? pre).childNodes);
    pre.replaceWith(frame);
  });
  for (const table of fragment.querySelectorAll("table")) {
    const scroll = document.createElement("div");
    scroll.className = "scroll";
    table.replaceWith(scroll);
    scroll.append(table);
  }
}

function languagesIn(tokens: Token[]): string[] {
  const found: string[] = [];
  marked.walkTokens(tokens, (token) => {
    if (token.type === "code") found.push(languageOf(token.lang as string | undefined));
  });
  return found;
}

/** What an open block is likely to become. */
function mended(token: Token, links: Links): Token[] {
  if (!["paragraph", "heading", "list", "blockquote", "text"].includes(token.type)) return [token];
  const source = mend(token.raw.replace(/\n+$/, ""));
  if (source === token.raw) return [token];
  const lexer = new Lexer({ gfm: true });
  Object.assign(lexer.tokens.links, links);
  return lexer.lex(source);
}

function plainText(text: string): DocumentFragment {
  const fragment = document.createDocumentFragment();
  const paragraph = document.createElement("p");
  paragraph.className = "plain";
  paragraph.textContent = text;
  fragment.append(paragraph);
  return fragment;
}

export function render(token: Token, open: boolean, links: Links): DocumentFragment {
  if (token.type === "plain") return plainText(token.raw);
  try {
    const tokens = open ? mended(token, links) : [token];
    const fragment = sanitize(parse(tokens));
    frameCode(fragment, languagesIn(tokens));
    return fragment;
  } catch {
    // Deeper nesting than the parser can take.
    return plainText(token.raw);
  }
}
