// Rules of good pages that can be checked in one. Both functions run inside of the page.

/** What is wrong with names, roles and order, as far as rules can tell. */
export function faults() {
  const found = [];
  const shown = (one) => one.getClientRects().length > 0;
  const name = (one) =>
    (
      one.getAttribute("aria-label") ||
      (one.getAttribute("aria-labelledby") ?? "")
        .split(/\s+/)
        .map((id) => id && document.getElementById(id)?.textContent)
        .join("") ||
      [...(one.labels ?? [])].map((label) => label.textContent).join("") ||
      one.textContent ||
      one.title ||
      ""
    ).trim();
  for (const one of document.querySelectorAll(
    "button, a, input, textarea, select, dialog, nav, article, [role=meter]",
  )) {
    if (shown(one) && name(one) === "") found.push(`no name: ${one.outerHTML.slice(0, 120)}`);
  }
  for (const one of document.querySelectorAll("svg")) {
    if (one.getAttribute("aria-hidden") !== "true" && !one.getAttribute("role"))
      found.push("a picture without a role");
  }
  for (const one of document.querySelectorAll("button:not([type])"))
    found.push(`no type: ${one.outerHTML.slice(0, 120)}`);
  for (const one of document.querySelectorAll("[tabindex]")) {
    if (one.tabIndex > 0) found.push("an order of its own");
  }
  for (const one of document.querySelectorAll("[aria-hidden=true]")) {
    if (one.querySelector("a, button, input, textarea, select"))
      found.push("something to press that is hidden");
  }
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) found.push(`two of ${id}`);
  for (const one of document.querySelectorAll("[aria-controls], [aria-labelledby]")) {
    for (const id of (
      one.getAttribute("aria-controls") ?? one.getAttribute("aria-labelledby")
    ).split(/\s+/)) {
      if (!document.getElementById(id)) found.push(`nothing is called ${id}`);
    }
  }
  if (document.querySelectorAll("main").length !== 1) found.push("not one main part");
  const own = [...document.querySelectorAll("h1")].filter((one) => !one.closest(".md"));
  if (own.length !== 1) found.push(`${own.length} headings of the page`);
  if (!document.documentElement.lang) found.push("no language");
  if (!document.title) found.push("no title");
  for (const one of document.querySelectorAll("ul > :not(li), li:not(ul > li, ol > li)"))
    found.push(one.outerHTML.slice(0, 80));
  return [...new Set(found)];
}

/** Texts whose contrast is below what WCAG 2 asks for (level AA). */
export function pale() {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) =>
      v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const back = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgba(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return [255, 255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (walker.currentNode.data.trim() === "" || element.closest(".offscreen, :disabled, noscript"))
      continue;
    if (element.getClientRects().length === 0) continue;
    const [a, b] = [
      light(rgba(getComputedStyle(element).color).slice(0, 3)),
      light(back(element).slice(0, 3)),
    ];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5)
      found.push(`${contrast.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 40)}`);
  }
  return [...new Set(found)];
}
