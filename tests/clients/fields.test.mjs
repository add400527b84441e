// Each field of each dialect does what the tables of fields/ say.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";

import { at, HERE, put, readTables } from "./fields.mjs";
import { makeModel, serve } from "./server.mjs";

const usual = await serve();
const vectors = await serve({
  model: makeModel("vectors"), name: "vectors", flags: ["--embedding", "-c", "600"],
});
const TABLES = readTables();
const VERBS = ["honoured", "ignored", "rejected"];

function requestOf(table, field, server) {
  const { model, ...base } = { ...table.base, ...field.with };
  return model === undefined ? base : { ...base, model: server.model };
}

async function ask(table, server, request) {
  const answer = await server.post(table.path, request);
  const said = `${JSON.stringify(request)} gives ${answer.status} ${answer.text.slice(0, 300)}`;
  return { ...answer, said, answerText: String(at(answer.json, table.answer)) };
}

async function assertTaken(table, server, request) {
  const answer = await ask(table, server, request);
  assert.equal(answer.status, 200, answer.said);
  return answer;
}

async function assertRefused(table, field, server) {
  for (const value of field.bad ?? []) {
    const request = put(requestOf(table, field, server), field.name, value);
    const { status, json, said } = await ask(table, server, request);
    assert.equal(status, 400, said);
    const error = json.error;
    const last = field.name.split(".").pop();
    assert.ok(JSON.stringify(error).includes(last), `no word of ${last}: ${said}`);
    if (table.id.startsWith("openai")) {
      assert.equal(String(error.param).split(/[.[]/)[0], field.name.split(".")[0], said);
    }
  }
}

async function honoured(table, field, server) {
  const base = requestOf(table, field, server);
  const plain = await assertTaken(table, server, base);
  assert.deepEqual([...plain.ignored], [], "the base request is all honoured");
  const value = field.name === "model" ? server.model : field.example;
  const more = await assertTaken(table, server, put(base, field.name, value));
  assert.deepEqual([...more.ignored], []);
  if (field.changes) assert.notEqual(more.answerText, plain.answerText, more.said);
  await assertRefused(table, field, server);
}

async function ignored(table, field, server) {
  const base = requestOf(table, field, server);
  const plain = await assertTaken(table, server, base);
  const more = await assertTaken(table, server, put(base, field.name, field.example));
  assert.deepEqual([...more.ignored], [field.name]);
  assert.equal(more.answerText, plain.answerText);
}

async function rejected(table, field, server) {
  if ("example" in field) {
    const request = put(requestOf(table, field, server), field.name, field.example);
    const { ignored: names } = await assertTaken(table, server, request);
    assert.deepEqual([...names], []);
  }
  await assertRefused(table, field, server);
}

const CHECKS = { honoured, ignored, rejected };

for (const table of TABLES) {
  const { server, check } = table.server === "vectors" ? vectors : usual;
  for (const field of table.fields) {
    check(`${table.title}: ${field.name} is ${field.does}`, async () => {
      await CHECKS[field.does](table, field, server);
    });
  }
  check(`${table.title}: several ignored fields are all listed, null is none`, async () => {
    const answer = await assertTaken(table, server, {
      ...requestOf(table, {}, server), first_unknown: 1, second_unknown: "x", third_unknown: null,
    });
    assert.deepEqual([...answer.ignored].sort(), ["first_unknown", "second_unknown"]);
  });
}

usual.check("a stream has the header too", async () => {
  const { ignored: names } = await usual.server.post("/v1/chat/completions", {
    messages: [{ role: "user", content: "Hello" }], max_tokens: 1, stream: true, unknown: 1,
  });
  assert.deepEqual([...names], ["unknown"]);
});

// Where the clients' own types say what may be sent, table by table.
const TYPES = {
  openai_chat: ["openai/resources/chat/completions/completions.d.ts",
    "ChatCompletionCreateParamsBase"],
  openai_completions: ["openai/resources/completions.d.ts", "CompletionCreateParamsBase"],
  openai_responses: ["openai/resources/responses/responses.d.ts", "ResponseCreateParamsBase"],
  openai_embeddings: ["openai/resources/embeddings.d.ts", "EmbeddingCreateParams"],
  anthropic_messages: ["@anthropic-ai/sdk/resources/messages/messages.d.ts",
    "MessageCreateParamsBase"],
  ollama_generate: ["ollama/dist/browser.d.ts", "GenerateRequest"],
  ollama_chat: ["ollama/dist/browser.d.ts", "ChatRequest"],
  ollama_options: ["ollama/dist/browser.d.ts", "Options", "options."],
  ollama_embed: ["ollama/dist/browser.d.ts", "EmbedRequest"],
};

for (const [id, [file, type, prefix = ""]] of Object.entries(TYPES)) {
  test(`${id} has every field that its client's ${type} has`, () => {
    const source = readFileSync(path.join(HERE, "node_modules", file), "utf8");
    const [, body] = new RegExp(`interface ${type} \\{\n([^]*?)\n\\}`).exec(source);
    const indent = /^ +/.exec(body)[0];
    const name = new RegExp(`^${indent}(\\w+)\\??:`);
    const known = body.split("\n").map((line) => name.exec(line)?.[1]).filter(Boolean);
    assert.ok(known.length > 3);
    const listed = TABLES.find((table) => table.id === id).fields.map((field) => field.name);
    const missing = known.map((one) => prefix + one).filter((one) => (
      !listed.includes(one) && !listed.some((other) => other.startsWith(`${one}.`))));
    assert.deepEqual(missing, []);
  });
}

test("the tables are whole: every effect has a test that exists", () => {
  for (const { id, fields } of TABLES) {
    const names = fields.map((field) => field.name);
    assert.equal(new Set(names).size, names.length, `${id} has a field twice`);
    for (const field of fields) {
      const where = `${id}: ${field.name}`;
      assert.ok(VERBS.includes(field.does), where);
      assert.ok(field.about, where);
      if (field.does !== "ignored") assert.ok(field.bad?.length, `${where} has no bad value`);
      const shown = field.changes || field.test || field.does !== "honoured";
      assert.ok(shown, `${where}: no test shows it`);
      if (!field.test) continue;
      const [file, ...name] = field.test.split(": ");
      const source = readFileSync(path.join(HERE, `${file}.test.mjs`), "utf8");
      assert.ok(source.includes(`"${name.join(": ")}`), `${where}: no test ${field.test}`);
    }
  }
});
