// One server for a file of tests: started before, ended after, and the clients that talk to it.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";

import Anthropic from "@anthropic-ai/sdk";
import { Ollama } from "ollama";
import OpenAI from "openai";

const HERE = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.resolve(HERE, "../..");
const MODEL = path.join(ROOT, "models/hearth-stories-6m-q8_0.gguf");
const PROGRAM = path.resolve(ROOT, process.env.HEARTH ?? "build/release/bin/hearth");

// Only so that a hang ends: nothing here is expected to take a tenth of it.
export const PATIENCE = 120_000;
export const USUAL = ["-c", "2048", "-np", "4", "--chat-template", "chatml"];
// A model with room for descriptions of tools, and a template that knows tools.
export const TOOL_FLAGS = [
  "-c", "8192", "-np", "4", "--chat-template-file", path.join(HERE, "templates/tools.jinja"),
];
const READY = /^hearth is listening on (http:\/\/\S+)$/m;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// Asks until `look` gives something; what is still missing then is an error that says `what`.
export async function eventually(what, look) {
  const end = Date.now() + PATIENCE / 2;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not within ${PATIENCE / 2000} s: ${what}`);
    await sleep(20);
  }
}

const folder = mkdtempSync(path.join(tmpdir(), "hearth-clients-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
process.once("SIGTERM", () => process.exit(1));

// A model of make_models.py.
export function makeModel(kind) {
  const file = path.join(folder, `${kind}.gguf`);
  execFileSync("/usr/bin/python3", [path.join(HERE, "make_models.py"), kind, file]);
  return file;
}

function freePort() {
  return new Promise((done, fail) => {
    const probe = createServer().once("error", fail);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

// llama.cpp's server takes the same flags, but tells neither its port nor when it is ready on
// standard output.
async function commandLine(model, flags) {
  if (!process.env.LLAMA_SERVER) return [PROGRAM, "serve", "-m", model, "--port", "0", ...flags];
  const port = String(await freePort());
  return [process.env.LLAMA_SERVER, "-m", model, "--port", port, "--jinja", "-t", "1", ...flags];
}

async function waitForLlamaServer(args) {
  const url = `http://127.0.0.1:${args[args.indexOf("--port") + 1]}`;
  await eventually(`${url}/health`, async () => {
    const answer = await fetch(`${url}/health`).catch(() => undefined);
    return answer?.ok;
  });
  return url;
}

async function launch(model, flags) {
  const [program, ...args] = await commandLine(model, flags);
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
  process.on("exit", () => child.kill("SIGKILL"));
  let said = "";
  let complaint = "";
  child.stdout.on("data", (data) => { said += data; });
  child.stderr.on("data", (data) => { complaint = (complaint + data).slice(-4000); });
  const ended = new Promise((done) => {
    child.once("error", (error) => done(`${program}: ${error.message}`));
    child.once("exit", (code, signal) => done(`${program} ended, ${signal ?? code}: ${complaint}`));
  });
  const failed = ended.then((why) => { throw new Error(why); });
  failed.catch(() => undefined);
  const ready = process.env.LLAMA_SERVER
    ? waitForLlamaServer(args)
    : eventually(`the line that ${program} listens`, () => READY.exec(said)?.[1]);
  ready.catch(() => undefined);
  const url = await Promise.race([ready, failed]);
  return { url, child, ended };
}

async function stop({ child, ended }) {
  child.kill("SIGTERM");
  const end = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(end);
}

function namesIn(header) {
  return new Set((header ?? "").split(",").map((name) => name.trim()).filter(Boolean));
}

class Server {
  constructor(url, model) {
    this.url = url;
    this.model = model;
  }

  openai(options = {}) {
    return new OpenAI({ baseURL: `${this.url}/v1`, apiKey: "none", maxRetries: 0, ...options });
  }

  anthropic(options = {}) {
    return new Anthropic({ baseURL: this.url, apiKey: "none", maxRetries: 0, ...options });
  }

  ollama(options = {}) {
    return new Ollama({ host: this.url, ...options });
  }

  // A plain request: status, headers, the body as JSON where it is JSON, and the ignored fields.
  async request(method, where, body, headers = {}) {
    const answer = await fetch(this.url + where, {
      method,
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
      signal: AbortSignal.timeout(PATIENCE),
    });
    const text = await answer.text();
    let json;
    try {
      json = JSON.parse(text);
    } catch {
      json = undefined;
    }
    const ignored = namesIn(answer.headers.get("x-ignored-fields"));
    return { status: answer.status, headers: answer.headers, text, json, ignored };
  }

  post(where, body, headers) {
    return this.request("POST", where, body, headers);
  }

  get(where, headers) {
    return this.request("GET", where, undefined, headers);
  }

  // Waits until no slot is at work.
  async idle() {
    await eventually("idle slots", async () => {
      const { json } = await this.get("/slots");
      return json.every((slot) => !slot.is_processing);
    });
  }

  async tokens(text) {
    const { json } = await this.post("/tokenize", { content: text, add_special: false });
    return json.tokens;
  }
}

// Starts the server, with the usual flags unless others are given, or takes the one that HEARTH_URL
// names, which serves only files that need no flags of their own. Gives it together with `check`,
// a test with a limit.
export async function serve({ model = MODEL, flags = USUAL, name = "stories" } = {}) {
  if (process.env.HEARTH_URL) return attach(model, flags);
  const launched = await launch(model, ["-a", name, ...flags]);
  after(() => stop(launched));
  const server = new Server(launched.url, name);
  return { server, check: (name, run) => test(name, { timeout: PATIENCE }, run) };
}

async function attach(model, flags) {
  const skip = model === MODEL && flags === USUAL
    ? false
    : "NOT CHECKED: the server of HEARTH_URL was not started with this test's flags";
  const server = new Server(process.env.HEARTH_URL.replace(/\/$/, ""));
  const { json } = await server.get("/v1/models");
  server.model = json.data[0].id;
  return { server, check: (name, run) => test(name, { timeout: PATIENCE, skip }, run) };
}

export async function collect(stream) {
  const all = [];
  for await (const one of stream) all.push(one);
  return all;
}

// Runs what must fail and gives the error, which must be of this class.
export async function failure(kind, run) {
  let value;
  try {
    value = await run();
  } catch (error) {
    assert.ok(error instanceof kind, `${kind.name} expected, got ${error.name}: ${error.message}`);
    return error;
  }
  return assert.fail(`${kind.name} expected, got ${JSON.stringify(value)?.slice(0, 300)}`);
}
