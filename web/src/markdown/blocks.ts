// Markdown that is still being written, cut into blocks. A block that cannot change any more is
// never looked at again.

import { Lexer, type Links, type Token, type Tokens } from "marked";

export interface Block {
  /** What it was made of; equal text means an equal block. */
  source: string;
  token: Token;
  /** Whether it may still change. */
  open: boolean;
}

/** Open text of more is shown as it is: reading it again with each piece would take ever longer. */
const kLongestOpen = 100_000;
const kLongest = 4_000_000;
/** Deeper nesting than any answer needs, and far below what the reader can do. */
const kNested = /^(?:[ \t]*(?:>|[-*+][ \t]|\d{1,9}[.)][ \t])){60}/m;
/** Marks of emphasis in one paragraph: the time to pair them grows with their square. */
const kMostMarks = 3000;

/** Text that is shown as it is. */
function plain(source: string): Tokens.Generic {
  return { type: "plain", raw: source };
}

function isTooMuch(source: string, finished: boolean): boolean {
  if (source.length > (finished ? kLongest : kLongestOpen) || kNested.test(source)) return true;
  if (source.length < kMostMarks) return false;
  return source
    .split(/\n[ \t]*\n/)
    .some((part) => part.length > kMostMarks && (part.match(/[*_]+/g)?.length ?? 0) > kMostMarks);
}

interface Fence {
  close: RegExp;
  /** Where the first line ends in the tail, and up to where no end was found. */
  first: number;
  scanned: number;
  token: Tokens.Code;
}

export class Blocks {
  readonly done: Block[] = [];
  open: Block[] = [];
  /** Characters given to the parser, over all calls. */
  parsed = 0;
  /** Whether a link was defined, perhaps after the blocks that use it. */
  defined = false;
  private from = 0;
  private fence: Fence | null = null;

  constructor(readonly links: Links = {}) {}

  /** Takes the whole text so far, which begins with what was given before. */
  update(text: string, finished: boolean) {
    if (this.fence && this.continueFence(text.slice(this.from), finished)) return;
    const tail = text.slice(this.from);
    const tokens = this.lex(tail, finished);
    const solid = tokens.findLastIndex((token) => token.type !== "space");
    const last = tokens[solid];
    // A first line that is not whole may yet belong to the block before it, as a list's next number
    // does.
    const start = tokens
      .slice(0, Math.max(0, solid))
      .reduce((sum, token) => sum + token.raw.length, 0);
    const settled = finished ? tokens.length : last && tail.indexOf("\n", start) >= 0 ? solid : 0;
    this.open = [];
    tokens.forEach((token, i) => {
      if (i < settled) {
        this.from += token.raw.length;
        if (token.type === "def") this.define(token as Tokens.Def);
      }
      if (token.type === "space") return;
      const list = i < settled ? this.done : this.open;
      list.push({ source: token.raw, token, open: i >= settled });
    });
    if (!finished && settled === solid && last?.type === "code")
      this.openFence(last as Tokens.Code);
  }

  /** The first definition counts; one that is still being written would name another address. */
  private define({ tag, href, title }: Tokens.Def) {
    this.defined = true;
    this.links[tag] ??= { href, title };
  }

  private lex(tail: string, finished: boolean): Token[] {
    this.parsed += tail.length;
    if (isTooMuch(tail, finished)) return [plain(tail)];
    try {
      const lexer = new Lexer({ gfm: true });
      Object.assign(lexer.tokens.links, this.links);
      const tokens = lexer.lex(tail);
      const length = tokens.reduce((sum, token) => sum + token.raw.length, 0);
      // Without a place for each token nothing can be finished by its length.
      return length === tail.length ? tokens : [plain(tail)];
    } catch {
      return [plain(tail)];
    }
  }

  /** Code that has no end yet needs no parser, only a look for its end. */
  private openFence(token: Tokens.Code) {
    const opening = /^(`{3,}|~{3,})[^\n]*\n/.exec(token.raw);
    if (!opening) return;
    const mark = opening[1]!;
    const close = new RegExp(`^ {0,3}${mark[0]}{${mark.length},}[ \\t]*\\n`, "m");
    const first = opening[0].length;
    if (close.test(token.raw.slice(first) + "\n")) return;
    this.fence = { close, first, scanned: first, token: { ...token } };
  }

  /** True when all of the text is code. */
  private continueFence(tail: string, finished: boolean): boolean {
    const { close, first, scanned, token } = this.fence!;
    const end = close.exec(tail.slice(scanned) + (finished ? "\n" : ""));
    const length = end ? scanned + end.index + end[0].length : tail.length;
    const last = end ? scanned + end.index : tail.length;
    this.fence!.scanned = Math.max(scanned, tail.lastIndexOf("\n") + 1);
    const raw = tail.slice(0, length);
    const code = { ...token, raw, text: tail.slice(first, last).replace(/\n+$/, "") };
    const block = { source: raw, token: code, open: !end && !finished };
    if (block.open) {
      this.open = [block];
      return true;
    }
    this.fence = null;
    this.open = [];
    this.done.push(block);
    this.from += raw.length;
    return length === tail.length;
  }
}
