// Markdown in an element, which follows a text that grows.

import type { Tokens } from "marked";
import { Blocks, type Block } from "./blocks";
import { highlight, languageOf } from "./highlight";
import { morph } from "./morph";
import { codeFrame, render } from "./render";
import { sanitize } from "./sanitize";

/**
 * Code up to this length is coloured anew with each frame; beyond it when it has grown by an
 * eighth.
 */
const kEager = 4000;

/** Code that is still being written: coloured up to some place, plain behind it. */
class OpenCode {
  private readonly code: HTMLElement;
  private readonly head = document.createElement("span");
  private readonly tail = document.createTextNode("");
  private coloured = 0;

  constructor(
    root: HTMLElement,
    private readonly language: string,
  ) {
    const { frame, code } = codeFrame(language);
    this.code = code;
    this.code.append(this.head, this.tail);
    root.replaceChildren(frame);
  }

  update(text: string) {
    const grown = text.length - this.coloured;
    if (text.length < kEager || grown * 8 > this.coloured || grown < 0) {
      morph(this.head, sanitize(highlight(text, this.language)));
      this.coloured = text.length;
    }
    const rest = text.slice(this.coloured);
    if (rest.startsWith(this.tail.data)) this.tail.appendData(rest.slice(this.tail.data.length));
    else this.tail.data = rest;
  }
}

interface Shown {
  root: HTMLElement;
  source: string;
  open: boolean;
  drawn: boolean;
  code: OpenCode | null;
}

export class MarkdownView {
  private blocks = new Blocks();
  private shown: Shown[] = [];
  private settled = 0;
  private text = "";
  private finished = false;

  constructor(private readonly root: HTMLElement) {}

  /** Shows `text`; cheap when it continues what was shown. */
  update(text: string, finished: boolean) {
    if (text.includes("\r")) text = text.replace(/\r\n?/g, "\n");
    if (text === this.text && finished === this.finished) return;
    if (this.finished || !text.startsWith(this.text)) this.reset();
    this.text = text;
    this.finished = finished;
    this.blocks.update(text, finished);
    if (finished && this.blocks.defined) {
      // Links may be defined behind the blocks that use them.
      this.blocks = new Blocks({ ...this.blocks.links });
      this.settled = 0;
      this.blocks.update(text, true);
      for (const shown of this.shown) shown.drawn = false;
    }
    this.draw();
  }

  private reset() {
    this.blocks = new Blocks();
    this.settled = 0;
    this.shown = [];
    this.root.replaceChildren();
  }

  private draw() {
    const { done, open } = this.blocks;
    for (let i = this.settled; i < done.length + open.length; ++i) {
      this.drawBlock(i, i < done.length ? done[i]! : open[i - done.length]!);
    }
    this.settled = done.length;
    for (const extra of this.shown.splice(done.length + open.length)) extra.root.remove();
  }

  private drawBlock(i: number, block: Block) {
    const shown = (this.shown[i] ??= this.add());
    const { token, source, open } = block;
    if (shown.drawn && shown.source === source && shown.open === open) return;
    shown.drawn = true;
    shown.source = source;
    shown.open = open;
    if (open && token.type === "code") {
      shown.code ??= new OpenCode(shown.root, languageOf((token as Tokens.Code).lang));
      shown.code.update((token as Tokens.Code).text);
      return;
    }
    shown.code = null;
    morph(shown.root, render(token, open, this.blocks.links));
  }

  private add(): Shown {
    const root = document.createElement("div");
    this.root.append(root);
    return { root, source: "", open: true, drawn: false, code: null };
  }
}
