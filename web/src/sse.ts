// Server-sent events as the WHATWG HTML standard (section 9.2) defines them, of which the API uses
// `data`.

const kMaxLine = 16 * 1024 * 1024;

/** Takes text as it arrives and gives the data of each event that is whole. */
export class EventParser {
  private pending: string[] = [];
  private pendingLength = 0;
  private data: string[] = [];
  private dataLength = 0;
  private afterReturn = false;
  private first = true;

  /** Throws when one event is larger than any answer could make it. */
  push(chunk: string): string[] {
    const events: string[] = [];
    if (this.first && chunk.length > 0) {
      this.first = false;
      if (chunk.charCodeAt(0) === 0xfeff) chunk = chunk.slice(1);
    }
    let start = 0;
    for (let i = 0; i < chunk.length; ++i) {
      const code = chunk.charCodeAt(i);
      if (code === 10 && this.afterReturn) {
        this.afterReturn = false;
        start = i + 1;
        continue;
      }
      this.afterReturn = code === 13;
      if (code !== 10 && code !== 13) continue;
      this.pending.push(chunk.slice(start, i));
      start = i + 1;
      const line = this.pending.length === 1 ? this.pending[0]! : this.pending.join("");
      this.pending = [];
      this.pendingLength = 0;
      this.line(line, events);
    }
    if (start < chunk.length) {
      this.pending.push(chunk.slice(start));
      this.pendingLength += chunk.length - start;
      this.check();
    }
    return events;
  }

  private line(line: string, events: string[]) {
    if (line === "") {
      if (this.data.length > 0) events.push(this.data.join("\n"));
      this.data = [];
      this.dataLength = 0;
      return;
    }
    // Lines that begin with a colon are comments, which servers send to keep a connection open.
    const colon = line.indexOf(":");
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== "data") return;
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    this.data.push(value);
    this.dataLength += value.length + 1;
    this.check();
  }

  private check() {
    if (this.pendingLength + this.dataLength > kMaxLine) {
      throw new Error("the server sent an event of more than 16 MB");
    }
  }
}

/** The data of the events of a response, one after the other, until it ends. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string[]> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new EventParser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const found = parser.push(done ? decoder.decode() : decoder.decode(value, { stream: true }));
      if (found.length > 0) yield found;
      if (done) return;
    }
  } finally {
    // Who stops reading also stops the server's work.
    reader.cancel().catch(() => {});
  }
}
