// Serves the built page under the policy that hearth serve sends, and answers its interface as a
// test tells it to: slowly, with hostile text, with errors. Everything goes over real connections.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, request as httpRequest } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "manifest-src 'self'",
  "require-trusted-types-for 'script'",
  "trusted-types dompurify",
].join("; ");

const dist = fileURLToPath(new URL("../../web/dist", import.meta.url));
const types = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".md": "text/plain; charset=utf-8",
};

function sendFile(path, response) {
  const file = join(dist, normalize(path === "/" ? "/index.html" : path));
  if (!file.startsWith(dist) || !existsSync(file) || !statSync(file).isFile()) {
    response.writeHead(404, { "content-type": "text/plain" }).end("no such file");
    return;
  }
  response.writeHead(200, {
    "content-type": types[extname(file)] ?? "application/octet-stream",
    "content-security-policy": policy,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  });
  createReadStream(file).pipe(response);
}

function sendJson(response, status, value, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(value));
}

async function bodyOf(request) {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? null : JSON.parse(text);
}

/** One streamed answer, written piece by piece by a test. */
export class Stream {
  constructor(request, response, body, path) {
    this.body = body;
    this.chat = path.endsWith("/chat/completions");
    this.headers = request.headers;
    this.response = response;
    this.closed = new Promise((resolve) => response.on("close", resolve));
  }

  /** Sends the response's head, with what a local hearth says in it unless told otherwise. */
  begin(headers = { "x-hearth-served-by": "local" }) {
    this.response.writeHead(200, { "content-type": "text/event-stream", ...headers });
    return this;
  }

  raw(text) {
    if (!this.response.headersSent) this.begin();
    this.response.write(text);
    return this;
  }

  event(value) {
    return this.raw(`data: ${JSON.stringify(value)}\n\n`);
  }

  delta(delta, finish = null) {
    const choice = this.chat
      ? { index: 0, delta, finish_reason: finish }
      : { index: 0, text: delta.content ?? "", finish_reason: finish };
    return this.event({ choices: [choice], model: "fake-model" });
  }

  say(text) {
    return this.delta({ content: text });
  }

  /** The last chunks: why it ended, and what it took. */
  end({
    finish = "stop",
    hearth = { served_by: "local", bytes_sent: 0, model: "fake-model" },
    usage = { prompt_tokens: 20, completion_tokens: 12, total_tokens: 32 },
    timings = {
      prompt_n: 20,
      prompt_ms: 10,
      predicted_n: 12,
      predicted_ms: 300,
      predicted_per_second: 40,
    },
  } = {}) {
    this.delta({}, finish);
    this.event({
      choices: [],
      model: "fake-model",
      ...(usage && { usage }),
      ...(timings && { timings }),
      ...(hearth && { hearth }),
    });
    this.raw("data: [DONE]\n\n");
    this.response.end();
  }

  fail(status, error, headers = {}) {
    sendJson(this.response, status, { error }, headers);
  }

  /** Breaks the connection. */
  break() {
    this.response.destroy();
  }
}

const chatProps = {
  default_generation_settings: {
    n_ctx: 4096,
    params: {
      temperature: 0.8,
      top_p: 0.95,
      top_k: 40,
      min_p: 0.05,
      repeat_penalty: 1,
      max_tokens: -1,
      seed: 4294967295,
    },
  },
  chat_template: "{{ messages }}",
};

/**
 * A server that a test owns: `answer` gets a Stream for each question; `models` and `props` may be
 * replaced.
 */
export class TestServer {
  asked = [];
  answer = (stream) => stream.say("Hello.").end();
  models = (response) =>
    sendJson(response, 200, {
      object: "list",
      data: [{ id: "fake-model", object: "model", meta: { n_ctx_train: 4096 } }],
    });
  props = (response) => sendJson(response, 200, chatProps);

  static async start(upstream = null, port = 0) {
    const self = new TestServer();
    self.server = createServer((request, response) => {
      void self.handle(request, response, upstream).catch((error) => {
        if (!response.headersSent) response.writeHead(500);
        response.end(String(error));
      });
    });
    await new Promise((resolve) => self.server.listen(port, "127.0.0.1", resolve));
    self.url = `http://127.0.0.1:${self.server.address().port}/`;
    return self;
  }

  async handle(request, response, upstream) {
    const path = new URL(request.url, "http://localhost").pathname;
    const isApi = path.startsWith("/v1/") || path === "/props";
    if (!isApi) return sendFile(path, response);
    if (upstream) return forward(request, response, upstream);
    if (path === "/v1/models") return this.models(response, request);
    if (path === "/props") return this.props(response, request);
    const stream = new Stream(request, response, await bodyOf(request), path);
    this.asked.push(stream.body);
    await this.answer(stream);
  }

  setProps(changes) {
    this.props = (response) => sendJson(response, 200, { ...chatProps, ...changes });
  }

  setModels(ids) {
    this.models = (response) => sendJson(response, 200, { data: ids.map((id) => ({ id })) });
  }

  /** The next question's stream, which the test then writes. */
  next() {
    const before = this.answer;
    return new Promise((resolve) => {
      this.answer = (stream) => {
        this.answer = before;
        resolve(stream);
      };
    });
  }

  async stop() {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export { sendJson };

/** Passes a request on to a real server. */
function forward(request, response, upstream) {
  const to = new URL(request.url, upstream);
  const passed = httpRequest(
    to,
    { method: request.method, headers: { ...request.headers, host: to.host } },
    (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    },
  );
  passed.on("error", () =>
    response.headersSent
      ? response.destroy()
      : sendJson(response, 502, {
          error: { message: `${upstream} cannot be reached` },
        }),
  );
  response.on("close", () => passed.destroy());
  request.pipe(passed);
}
