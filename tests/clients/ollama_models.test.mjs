// Ollama's own client: models, JSON, tools, vectors, and what goes wrong.
import assert from "node:assert/strict";

import { collect, failure, makeModel, serve, TOOL_FLAGS } from "./server.mjs";
import { assertArguments, LIGHT, openaiTools as tools, WEATHER } from "./tools.mjs";

const { server, check } = await serve({ model: makeModel("long"), flags: TOOL_FLAGS });
const vectors = await serve({
  model: makeModel("vectors"), name: "vectors", flags: ["--embedding", "-c", "600"],
});
const client = server.ollama();
const messages = [{ role: "user", content: "How will the weather be?" }];

const chat = (more = {}) => client.chat({
  model: server.model, messages, ...more, options: { num_predict: 400, seed: 3, ...more.options },
});

check("version and root", async () => {
  assert.match((await client.version()).version, /^\d+\.\d+\.\d+/);
  assert.equal((await fetch(server.url, { method: "HEAD" })).status, 200);
});

check("list: the model with its details", async () => {
  const { models } = await client.list();
  assert.equal(models.length, 1);
  const [model] = models;
  assert.equal(model.name, server.model);
  assert.equal(model.model, server.model);
  assert.ok(model.size > 6_000_000);
  assert.match(model.digest, /^(sha256:)?[0-9a-f]{64}$/);
  assert.ok(!Number.isNaN(Date.parse(model.modified_at)));
  assert.equal(model.details.format, "gguf");
  assert.equal(model.details.family, "llama");
  assert.equal(model.details.quantization_level, "Q8_0");
  assert.match(model.details.parameter_size, /^5\.[78]\d?M$/);
});

check("show: details, template, capabilities, what is in the file", async () => {
  const shown = await client.show({ model: server.model });
  assert.equal(shown.details.family, "llama");
  assert.match(shown.template, /<tool_call>/);
  assert.ok(shown.capabilities.includes("completion"));
  assert.ok(shown.capabilities.includes("tools"));
  assert.equal(shown.model_info["general.architecture"], "llama");
  assert.equal(shown.model_info["llama.context_length"], 32768);
  assert.equal(typeof (shown.parameters ?? ""), "string");
  assert.equal(typeof shown.modelfile, "string");
  const bert = await vectors.server.ollama().show({ model: "vectors" });
  assert.deepEqual(bert.capabilities, ["embedding"]);
});

check("ps: what is loaded, until when, and its context", async () => {
  const { models } = await client.ps();
  assert.equal(models.length, 1);
  const [model] = models;
  assert.equal(model.model, server.model);
  assert.ok(model.size > 0);
  assert.equal(model.size_vram, 0);
  assert.match(model.expires_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/);
  assert.equal(model.context_length, 2048);
});

for (const [what, format, suits] of [
  ["a schema", WEATHER, (value) => assertArguments("get_weather", value)],
  ["another schema", LIGHT, (value) => assertArguments("set_light", value)],
]) {
  check(`format: ${what}, in chat and in generate`, async () => {
    const talk = await chat({ format });
    assert.equal(talk.done_reason, "stop");
    suits(JSON.parse(talk.message.content));
    const text = await client.generate({
      model: server.model, prompt: "Tell of it:", format, options: { num_predict: 400 },
    });
    suits(JSON.parse(text.response));
  });
}

check("format: json is any object", async () => {
  const { message, done_reason } = await chat({ format: "json" });
  assert.match(message.content, /^\s*\{/);
  if (done_reason === "stop") assert.equal(typeof JSON.parse(message.content), "object");
});

check("tools: a forced call has its arguments as an object", async () => {
  const { message, done_reason } = await chat({ tools, tool_choice: "required" });
  assert.equal(done_reason, "stop");
  assert.ok(message.tool_calls.length > 0);
  const [call] = message.tool_calls;
  assertArguments(call.function.name, call.function.arguments);
});

check("tools: a forced call in a stream comes whole, in one record", async () => {
  const records = await collect(await chat({ tools, tool_choice: "required", stream: true }));
  const calls = records.flatMap((record) => record.message.tool_calls ?? []);
  assert.ok(calls.length > 0);
  assertArguments(calls[0].function.name, calls[0].function.arguments);
  assert.equal(records.at(-1).done, true);
});

check("tools: a call and its result go back", async () => {
  const talk = [
    ...messages,
    { role: "assistant", content: "", tool_calls: [
      { function: { name: "get_weather", arguments: { city: "Oslo", days: 2 } } },
    ] },
    { role: "tool", tool_name: "get_weather", content: "snow" },
  ];
  const whole = await chat({ messages: talk, tools, options: { num_predict: 4 } });
  const less = await chat({ messages: talk.slice(0, 2), tools, options: { num_predict: 4 } });
  assert.ok(whole.prompt_eval_count > less.prompt_eval_count);
});

check("think: false is fine; true is refused by a model that cannot", async () => {
  assert.ok((await chat({ think: false, options: { num_predict: 2 } })).done);
  const error = await failure(Error, () => chat({ think: true }));
  assert.equal(error.status_code, 400);
  assert.match(error.error, /think/);
});

check("embed: one text or several, of length one, with counts", async () => {
  const ollama = vectors.server.ollama();
  const input = ["the cat sat on the mat", "a dog"];
  const answer = await ollama.embed({ model: "vectors", input });
  assert.equal(answer.model, "vectors");
  assert.equal(answer.embeddings.length, 2);
  assert.equal(answer.prompt_eval_count, 12);
  assert.ok(Number.isInteger(answer.total_duration) && Number.isInteger(answer.load_duration));
  const openai = await vectors.server.openai().embeddings.create({
    model: "vectors", input, encoding_format: "float",
  });
  answer.embeddings.forEach((vector, i) => vector.forEach((x, k) => (
    assert.ok(Math.abs(x - openai.data[i].embedding[k]) < 1e-6))));
  const alone = await ollama.embed({ model: "vectors", input: input[1] });
  assert.equal(String(alone.embeddings[0]), String(answer.embeddings[1]));
  const short = await ollama.embed({ model: "vectors", input: input[1], dimensions: 8 });
  assert.equal(short.embeddings[0].length, 8);
  const old = await ollama.embeddings({ model: "vectors", prompt: input[1] });
  assert.equal(old.embedding.length, 64);
});

check("embed: truncate cuts a long text, without it the text is refused", async () => {
  const ollama = vectors.server.ollama();
  const input = "the ".repeat(700);
  assert.equal((await ollama.embed({ model: "vectors", input })).prompt_eval_count, 600);
  const error = await failure(Error, () => ollama.embed({
    model: "vectors", input, truncate: false,
  }));
  assert.equal(error.status_code, 400);
  assert.match(error.error, /702.*600|600.*702/);
});

check("errors are one text under the name error, with a status", async () => {
  const { model } = server;
  const tried = [
    [() => client.generate({ model: "no-such-model", prompt: "x" }), 404, /no-such-model/],
    [() => client.chat({ model: "no-such-model", messages }), 404, /no-such-model/],
    [() => client.show({ model: "no-such-model" }), 404, /no-such-model/],
    [() => client.chat({ messages }), 400, /model/],
    [() => chat({ messages: [7] }), 400, /messages/],
    [() => chat({ format: "poem" }), 400, /format/],
    [() => chat({ format: { type: "nothing" } }), 400, /format|nothing/],
    [() => chat({ options: { temperature: "hot" } }), 400, /temperature/],
    [() => chat({ options: { num_predict: "many" } }), 400, /num_predict/],
    [() => chat({ messages: [{ role: "user", content: "x", images: ["iVBO"] }] }), 400, /image/],
    [() => client.generate({ model, prompt: "x", suffix: "y" }), 400, /suffix|insert/],
    [() => client.embed({ model: server.model }), 400, /input/],
  ];
  for (const [run, status, message] of tried) {
    const error = await failure(Error, run);
    assert.equal(error.name, "ResponseError", `${run}: ${error.message}`);
    assert.equal(error.status_code, status, `${run}: ${error.message}`);
    assert.match(error.error, message);
  }
});

check("what this server does not do is an error, not a success", async () => {
  for (const run of [
    () => client.pull({ model: "llama3" }), () => client.push({ model: "llama3" }),
    () => client.delete({ model: "llama3" }),
    () => client.copy({ source: "llama3", destination: "other" }),
    () => client.create({ model: "mine", from: "llama3" }),
  ]) {
    const error = await failure(Error, run);
    assert.ok(error.status_code >= 400, `${run}: ${error.message}`);
    assert.ok(error.error.length > 10 && !error.error.startsWith("Error "), error.error);
  }
});
