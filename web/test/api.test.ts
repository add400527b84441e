import { afterEach, describe, expect, it, vi } from "vitest";
import { answer, getProps, readChunk } from "../src/api";
import { ApiError, explain, problemOf, retryAfter } from "../src/errors";
import { Meter } from "../src/meter";
import { serverPlace, shortName } from "../src/server";
import { cleanSampling } from "../src/settings";

afterEach(() => vi.unstubAllGlobals());

function respond(body: string, init?: ResponseInit) {
  const fetched = vi.fn(async () => new Response(body, init));
  vi.stubGlobal("fetch", fetched);
  return fetched;
}

async function collect(key = "") {
  const pieces = [];
  const signal = new AbortController().signal;
  const job = { kind: "chat" as const, messages: [{ role: "user" as const, content: "hi" }] };
  for await (const group of answer(job, "m", { seed: 1 }, key, signal)) pieces.push(...group);
  return pieces;
}

const chunk = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;

describe("answer", () => {
  it("asks for a stream with usage, and sends the key", async () => {
    const fetched = respond("data: [DONE]\n\n");
    await collect("secret");
    const [url, init] = fetched.mock.calls[0] as unknown as [URL, RequestInit];
    expect(url.pathname).toBe("/v1/chat/completions");
    expect(JSON.parse(init.body as string)).toEqual({
      model: "m",
      messages: [{ role: "user", content: "hi" }],
      seed: 1,
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(init.headers).toMatchObject({ authorization: "Bearer secret" });
    expect(init.redirect).toBe("error");
  });

  it("gives pieces and facts, and stops at the end mark", async () => {
    respond(
      ": hello\n\n" +
        chunk({ choices: [{ delta: { content: "a\r\n" } }] }) +
        chunk({ choices: [{ delta: {}, finish_reason: "stop" }] }) +
        chunk({
          choices: [],
          usage: { prompt_tokens: 3, completion_tokens: 1 },
          timings: { predicted_per_second: 7 },
          hearth: { served_by: "local", bytes_sent: 0, model: "x" },
        }) +
        "data: [DONE]\n\n" +
        chunk({ choices: [{ delta: { content: "late" } }] }),
      { headers: { "x-hearth-served-by": "local" } },
    );
    const pieces = await collect();
    expect(pieces.map((piece) => piece.text).join("")).toBe("a\n");
    expect(Object.assign({}, ...pieces.map((piece) => piece.facts))).toEqual({
      servedBy: "local",
      finish: "stop",
      promptTokens: 3,
      answerTokens: 1,
      tokensPerSecond: 7,
      bytesSent: 0,
      model: "x",
    });
  });

  it("tells a stream that ends too soon from one that ends", async () => {
    respond(chunk({ choices: [{ delta: { content: "a" } }] }));
    await expect(collect()).rejects.toMatchObject({ problem: { kind: "cut" } });
  });

  it("tells errors inside of a stream", async () => {
    respond(chunk({ error: { message: "out of\nmemory", code: 500 } }));
    await expect(collect()).rejects.toMatchObject({
      problem: { kind: "failed", message: "out of memory" },
    });
    respond("data: {broken\n\n");
    await expect(collect()).rejects.toMatchObject({ problem: { kind: "failed" } });
  });

  it("tells a server that is away", async () => {
    vi.stubGlobal("fetch", async () => {
      throw new TypeError("Failed to fetch");
    });
    await expect(collect()).rejects.toMatchObject({ problem: { kind: "unreachable" } });
  });

  it("reads errors that are no JSON", async () => {
    respond("<h1>Bad gateway</h1>", { status: 502 });
    await expect(collect()).rejects.toThrow("The server refused (502): <h1>Bad gateway</h1>");
  });
});

describe("readChunk", () => {
  it("reads reasoning, tool calls and texts", () => {
    const call = { index: 1, function: { name: "f", arguments: "{" } };
    expect(
      readChunk(
        JSON.stringify({ choices: [{ delta: { reasoning_content: "r", tool_calls: [call] } }] }),
      ),
    ).toMatchObject({ reasoning: "r", tools: [{ index: 1, name: "f", arguments: "{" }] });
    expect(readChunk('{"choices":[{"text":"t"}]}').text).toBe("t");
  });

  it.each([
    "null",
    "1",
    "[]",
    '{"choices":{}}',
    '{"choices":[null]}',
    '{"choices":[{"delta":[1]}]}',
    '{"choices":[{"delta":{"content":7,"tool_calls":[null,3]}}],"usage":"x","hearth":[]}',
  ])("takes %s for nothing", (data) => {
    const piece = readChunk(data);
    expect(piece.text + piece.reasoning).toBe("");
    expect(piece.facts).toEqual({});
  });
});

describe("getProps", () => {
  it("reads the context and the defaults", async () => {
    respond(
      JSON.stringify({
        chat_template: "",
        default_generation_settings: { n_ctx: 512, params: { top_k: 40 } },
      }),
    );
    const props = await getProps("", null, new AbortController().signal);
    expect(props).toEqual({ contextSize: 512, chatTemplate: "", defaults: { top_k: 40 } });
  });
});

describe("problems", () => {
  const now = Date.UTC(2030, 0, 1);
  it.each([
    ["5", 5000],
    [" 0 ", 0],
    ["100000", 120_000],
    ["Tue, 01 Jan 2030 00:00:07 GMT", 7000],
    ["Mon, 31 Dec 2029 00:00:00 GMT", 0],
    ["soon", null],
    [null, null],
  ])("wait as Retry-After %s says", (header, ms) => {
    expect(retryAfter(header, now)).toBe(ms);
  });

  it.each([
    [401, {}, "key"],
    [503, {}, "loading"],
    [429, {}, "busy"],
    [400, { message: "no" }, "refused"],
    [400, { type: "exceed_context_size_error" }, "refused"],
    [400, { type: "exceed_context_size_error", n_prompt_tokens: 9, n_ctx: 8 }, "context"],
    [200, "text", "failed"],
  ])("of status %s are told apart", (status, error, kind) => {
    expect(problemOf(error, status, null, now).kind).toBe(kind);
  });

  it("are told with their numbers", () => {
    expect(explain({ kind: "context", tokens: 9350, room: 4096 })).toBe(
      "This needs 9,350 tokens; the model has room for 4,096.",
    );
    expect(new ApiError({ kind: "cut" }).message).toBe(
      "The connection ended before the answer did.",
    );
  });
});

describe("Meter", () => {
  it("counts from the first piece, which has no time of its own", () => {
    const meter = new Meter(1000);
    expect(meter.firstMs).toBeNull();
    meter.add(1, 1500);
    expect(meter.firstMs).toBe(500);
    expect(meter.rate).toBeNull();
    meter.add(10, 2500);
    expect(meter.rate).toBe(10);
    meter.add(0, 9000);
    expect(meter.rate).toBe(10);
  });
});

describe("names", () => {
  it.each([
    ["127.0.0.1", "this machine"],
    ["localhost", "this machine"],
    ["[::1]", "this machine"],
    ["127.evil.example", "127.evil.example"],
    ["192.168.1.5", "192.168.1.5"],
  ])("%s is %s", (host, place) => expect(serverPlace(host)).toBe(place));

  it("of models are those of their files", () => {
    expect(shortName("/a/b/x-Q8_0.gguf")).toBe("x-Q8_0");
    expect(shortName("C:\\models\\y.GGUF")).toBe("y");
    expect(shortName("plain")).toBe("plain");
  });
});

describe("cleanSampling", () => {
  it("keeps numbers within their limits", () => {
    expect(
      cleanSampling({ temperature: 99, top_k: 3.7, top_p: "1", seed: NaN, evil: 1, min_p: 0 }),
    ).toEqual({ temperature: 5, top_k: 4, min_p: 0 });
    expect(cleanSampling(null)).toEqual({});
  });
});
