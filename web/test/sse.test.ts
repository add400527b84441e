import { describe, expect, it } from "vitest";
import { EventParser, events } from "../src/sse";

function all(...chunks: string[]): string[] {
  const parser = new EventParser();
  return chunks.flatMap((chunk) => parser.push(chunk));
}

const stream =
  ': ready\r\n\r\ndata: {"a":1}\n\nevent: x\ndata:two\ndata:  lines\nid: 4\n\r\ndata\n\ndata: €\r\rdata: [DONE]\n\n';
const wanted = ['{"a":1}', "two\n lines", "", "€", "[DONE]"];

describe("EventParser", () => {
  it("reads events with every kind of line end, comments and other fields", () => {
    expect(all(stream)).toEqual(wanted);
  });

  it("reads the same wherever the text is cut", () => {
    for (let i = 0; i <= stream.length; ++i) {
      expect(all(stream.slice(0, i), stream.slice(i))).toEqual(wanted);
    }
    expect(all(...stream)).toEqual(wanted);
  });

  it("ignores a byte order mark at the start only", () => {
    expect(all("\ufeffdata: a\n\n\ufeffdata: b\n\n")).toEqual(["a"]);
  });

  it("gives nothing for an event without its empty line", () => {
    expect(all("data: a\n")).toEqual([]);
  });

  it("refuses events that never end", () => {
    const parser = new EventParser();
    const part = "x".repeat(1 << 20);
    expect(() => {
      for (let i = 0; i < 20; ++i) parser.push(part);
    }).toThrow("16 MB");
    const lines = new EventParser();
    expect(() => {
      for (let i = 0; i < 20; ++i) lines.push(`data: ${part}\n`);
    }).toThrow("16 MB");
  });
});

describe("events", () => {
  it("joins characters whose bytes arrive apart, and stops the sender", async () => {
    const bytes = new TextEncoder().encode("data: a€b\n\n");
    let cancelled = false;
    let at = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (at < bytes.length) controller.enqueue(bytes.slice(at, ++at));
      },
      cancel() {
        cancelled = true;
      },
    });
    for await (const group of events(body)) {
      expect(group).toEqual(["a€b"]);
      break;
    }
    expect(cancelled).toBe(true);
  });
});
