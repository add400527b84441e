// The one door through which text of a model becomes elements of the page. Nothing that passes can
// run, load, style, name or embed; links go to http, https and mail addresses, say where, and open
// on a click only.

import createDOMPurify from "dompurify";

const kTags = [
  "a",
  "b",
  "blockquote",
  "br",
  "code",
  "del",
  "em",
  "h1",
  "h2",
  "h3",
  "h4",
  "h5",
  "h6",
  "hr",
  "i",
  "ins",
  "kbd",
  "li",
  "mark",
  "ol",
  "p",
  "pre",
  "s",
  "span",
  "strong",
  "sub",
  "sup",
  "table",
  "tbody",
  "td",
  "th",
  "thead",
  "tr",
  "u",
  "ul",
];

const purifier = createDOMPurify(window);

// Classes of this page would let an answer look like a part of it.
const kClass = /^(hljs-[a-z_-]+|[a-z]+_{1,2}|task)$/;

purifier.addHook("uponSanitizeAttribute", (_, data) => {
  if (data.attrName !== "class") return;
  data.attrValue = data.attrValue
    .split(/\s+/)
    .filter((name) => kClass.test(name))
    .join(" ");
  data.keepAttr = data.attrValue !== "";
});

/** The address that a link leads to; null for what is none or leads nowhere outside. */
export function addressOf(href: string | null): URL | null {
  if (href === null || !/^\s*(https?:|mailto:)/i.test(href)) return null;
  try {
    return new URL(href);
  } catch {
    return null;
  }
}

/** The part of an address that tells where it leads: what is before an @ there only deceives. */
function placeOf(url: URL): string {
  return url.protocol === "mailto:" ? url.pathname : url.host;
}

function settleLink(link: HTMLAnchorElement) {
  const url = addressOf(link.getAttribute("href"));
  if (!url) {
    link.replaceWith(...link.childNodes);
    return;
  }
  link.setAttribute("href", url.href);
  link.setAttribute("title", url.href);
  link.setAttribute("target", "_blank");
  link.setAttribute("rel", "noopener noreferrer nofollow");
  const said = (link.textContent ?? "").trim().replace(/\/$/, "");
  if (said === url.href.replace(/\/$/, "") || said === placeOf(url)) return;
  const place = document.createElement("span");
  place.className = "place";
  place.textContent = ` (${placeOf(url)})`;
  link.append(place);
}

export function sanitize(html: string): DocumentFragment {
  const fragment = purifier.sanitize(html, {
    ALLOWED_TAGS: kTags,
    ALLOWED_ATTR: ["href", "class", "align", "start"],
    ADD_URI_SAFE_ATTR: ["align", "start"],
    ALLOW_DATA_ATTR: false,
    ALLOW_ARIA_ATTR: false,
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
    KEEP_CONTENT: true,
    RETURN_DOM_FRAGMENT: true,
  });
  fragment.querySelectorAll("a").forEach(settleLink);
  return fragment;
}
