// What the end of unfinished Markdown most likely becomes, so that marks do not flash up as text
// before they work.

/**
 * The same text with marks closed that are open, and without a last line or link that says nothing
 * yet.
 */
export function mend(source: string): string {
  const lineStart = source.lastIndexOf("\n") + 1;
  const line = source.slice(lineStart);
  // Only marks so far: a list, a heading or a rule begins, or the line above becomes a heading by
  // mistake.
  if (
    !line.startsWith("|") &&
    /^(?:[\s>#*+\-=_|:`~]+|\s*\d+[.)]?\s*)$/.test(line) &&
    source.trim() !== line.trim()
  ) {
    return mend(source.slice(0, Math.max(0, lineStart - 1)));
  }
  return closeMarks(withoutTableHead(source));
}

/** A table is one only when the line below its head is whole. */
function withoutTableHead(source: string): string {
  const lines = source.split("\n");
  let first = lines.length;
  while (first > 0 && /^\s*\|/.test(lines[first - 1]!)) --first;
  const rows = lines.length - first;
  if (rows === 0 || rows > 2) return source;
  const columns = (row: string) => row.replace(/\|\s*$/, "").split("|").length;
  const whole =
    rows === 2 &&
    columns(lines[first]!) === columns(lines[first + 1]!) &&
    /^\s*\|(\s*:?-+:?\s*\|)+\s*$/.test(lines[first + 1]!);
  return whole ? source : lines.slice(0, first).join("\n");
}

function closeMarks(source: string): string {
  const start = source.lastIndexOf("\n\n") + 1;
  const head = source.slice(0, start);
  let text = source.slice(start);
  // Code spans first: inside of them nothing else is a mark.
  const spans = text.match(/`+/g) ?? [];
  const open = unpaired(spans);
  if (open) return head + (text.endsWith(open) ? text.slice(0, -open.length) : text + open);
  const bare = text.replace(/(`+)[^`]*\1/g, (span) => "x".repeat(span.length));
  const link = /!?\[([^\]\n]*)(\](\([^)\n]*)?)?$/.exec(bare);
  if (link) {
    const said = text.slice(link.index).replace(/^!?\[/, "").split("](")[0]!.replace(/\]$/, "");
    text = text.slice(0, link.index) + said;
  }
  return head + closeEmphasis(text, link ? text.replace(/(`+)[^`]*\1/g, "x") : bare);
}

function closeEmphasis(text: string, bare: string): string {
  for (const mark of ["**", "__", "~~"]) {
    const count = bare.split(mark).length - 1;
    if (count % 2 === 0) continue;
    if (text.endsWith(mark)) return text.slice(0, -2);
    // The second half of a closing mark is still to come.
    if (text.endsWith(mark[0]!)) return text + mark[0];
    return text.trimEnd() + mark;
  }
  const single = /(?:^|[\s(])\*(?=[^\s*])[^*\n]*$/.exec(bare.replaceAll("**", "xx"));
  if (single) return text.trimEnd() + "*";
  return /[^\s*]\s\*{1,2}$/.test(text) ? text.replace(/\*+$/, "") : text;
}

function unpaired(spans: string[]): string | null {
  let open: string | null = null;
  for (const span of spans) {
    if (open === null) open = span;
    else if (open === span) open = null;
  }
  return open;
}
