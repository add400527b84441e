// Makes one element's children like another's while keeping what is equal, so that a selection or a
// scrolled block survives that the text around it grows.

export function morph(target: Node, wanted: Node) {
  const have = [...target.childNodes];
  const want = [...wanted.childNodes];
  want.forEach((node, i) => {
    const old = have[i];
    if (!old) target.appendChild(node);
    else if (!alike(old, node)) target.replaceChild(node, old);
    else if (old.nodeType === Node.TEXT_NODE) setText(old as Text, node.nodeValue ?? "");
    else {
      setAttributes(old as Element, node as Element);
      morph(old, node);
    }
  });
  for (const extra of have.slice(want.length)) target.removeChild(extra);
}

function alike(a: Node, b: Node): boolean {
  return (
    a.nodeType === b.nodeType &&
    a.nodeName === b.nodeName &&
    (a.nodeType === Node.TEXT_NODE || a.nodeType === Node.ELEMENT_NODE)
  );
}

function setText(node: Text, text: string) {
  const { data } = node;
  if (data === text) return;
  if (text.startsWith(data)) node.appendData(text.slice(data.length));
  else node.data = text;
}

function setAttributes(target: Element, wanted: Element) {
  for (const { name } of [...target.attributes]) {
    if (!wanted.hasAttribute(name)) target.removeAttribute(name);
  }
  for (const { name, value } of wanted.attributes) {
    if (target.getAttribute(name) !== value) target.setAttribute(name, value);
  }
}
