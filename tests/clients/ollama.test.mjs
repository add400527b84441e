// Ollama's own client: generate, chat, streams, options, durations and counts.
import assert from "node:assert/strict";

import { collect, failure, serve } from "./server.mjs";

const { server, check } = await serve();
const client = server.ollama();
const PROMPT = "Once upon a time, there was a little";
const GREEDY = { temperature: 0, num_predict: 16 };
const messages = [{ role: "user", content: "Once upon a time there was a dog." }];

function generate(more = {}, options = {}) {
  return client.generate({
    model: server.model, prompt: PROMPT, raw: true, ...more, options: { ...GREEDY, ...options },
  });
}

function chat(more = {}, options = {}) {
  return client.chat({
    model: server.model, messages, ...more, options: { ...GREEDY, ...options },
  });
}

const textOf = async (options) => (await generate({}, options)).response;

// What every last record must tell; durations are in nanoseconds.
function assertFinal(record, reason) {
  assert.equal(record.model, server.model);
  assert.equal(record.done, true);
  assert.equal(record.done_reason, reason);
  assert.ok(!Number.isNaN(Date.parse(record.created_at)), `a time: ${record.created_at}`);
  for (const name of ["total_duration", "load_duration", "prompt_eval_count",
    "prompt_eval_duration", "eval_count", "eval_duration"]) {
    assert.ok(Number.isInteger(record[name]) && record[name] >= 0, `${name}: ${record[name]}`);
  }
  assert.ok(record.total_duration >= record.eval_duration);
  assert.ok(record.prompt_eval_count > 0);
}

check("generate: an answer with counts and durations", async () => {
  const answer = await generate();
  assertFinal(answer, "length");
  assert.equal(answer.eval_count, 16);
  assert.match(answer.response, /^ (girl|boy|dog|cat|bird|bear|rabbit|bunny)\b/);
});

check("generate: a stream of records, the last of which is done", async () => {
  const records = await collect(await generate({ stream: true }));
  const last = records.pop();
  assertFinal(last, "length");
  assert.ok(records.length > 5);
  for (const record of records) {
    assert.equal(record.done, false);
    assert.equal(record.model, server.model);
    assert.ok(!("eval_count" in record));
  }
  const text = [...records, last].map((record) => record.response).join("");
  assert.equal(text, await textOf());
});

check("raw leaves the prompt alone; without it there are template and system", async () => {
  const raw = await generate();
  const { json } = await server.post("/tokenize", { content: PROMPT, add_special: true });
  assert.equal(raw.prompt_eval_count, json.tokens.length);
  const plain = await generate({ raw: false });
  const talk = await chat({ messages: [{ role: "user", content: PROMPT }] });
  assert.equal(plain.response, talk.message.content);
  assert.equal(plain.prompt_eval_count, talk.prompt_eval_count);
  const told = await generate({ raw: false, system: "Tell of animals." });
  assert.ok(told.prompt_eval_count > plain.prompt_eval_count);
});

check("generate: streaming is what happens when nothing is said", async () => {
  const body = { model: server.model, prompt: PROMPT, raw: true, options: GREEDY };
  const { headers, text } = await server.post("/api/generate", body);
  assert.match(headers.get("content-type"), /^application\/x-ndjson/);
  const records = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  assert.ok(records.length > 5);
  assert.equal(records.at(-1).done, true);
  const whole = await server.post("/api/generate", { ...body, stream: false });
  assert.match(whole.headers.get("content-type"), /^application\/json/);
});

check("generate: context goes on where the last answer ended", async () => {
  const first = await generate({ raw: false });
  assert.ok(first.context.length > 16 && first.context.every(Number.isInteger));
  const second = await generate({ raw: false, prompt: "And then?", context: first.context });
  assert.ok(second.context.length > first.context.length);
  assert.deepEqual(second.context.slice(0, first.context.length), first.context);
});

check("generate: an empty prompt loads the model, keep_alive 0 with it unloads", async () => {
  const loaded = await client.generate({ model: server.model, prompt: "" });
  assert.equal(loaded.response, "");
  assert.equal(loaded.done, true);
  assert.equal(loaded.done_reason, "load");
  const unloaded = await client.generate({ model: server.model, prompt: "", keep_alive: 0 });
  assert.equal(unloaded.done_reason, "unload");
  assert.ok((await generate()).response.length > 0, "the next request is served all the same");
});

check("chat: an answer, and a stream of it", async () => {
  const answer = await chat();
  assertFinal(answer, answer.eval_count === 16 ? "length" : "stop");
  assert.equal(answer.message.role, "assistant");
  assert.ok(answer.message.content.length > 0);
  const records = await collect(await chat({ stream: true }));
  const last = records.at(-1);
  assertFinal(last, answer.done_reason);
  assert.ok(records.every((record) => record.message.role === "assistant"));
  assert.equal(records.map((record) => record.message.content).join(""), answer.message.content);
  assert.deepEqual(records.map((record) => record.done), records.map((one) => one === last));
});

check("chat: the same prompt and text as OpenAI's chat", async () => {
  const talk = [{ role: "system", content: "Tell of animals." }, ...messages];
  const answer = await chat({ messages: talk });
  const openai = await server.openai().chat.completions.create({
    model: server.model, messages: talk, temperature: 0, max_tokens: 16,
  });
  assert.equal(answer.message.content, openai.choices[0].message.content);
  assert.equal(answer.prompt_eval_count, openai.usage.prompt_tokens);
});

check("options: num_predict, seed, temperature, top_k, top_p, min_p", async () => {
  assert.equal((await generate({}, { num_predict: 5 })).eval_count, 5);
  const greedy = await textOf();
  const wild = { temperature: 2, top_k: 0, top_p: 1, min_p: 0 };
  assert.equal(await textOf({ ...wild, seed: 1 }), await textOf({ ...wild, seed: 1 }));
  assert.notEqual(await textOf({ ...wild, seed: 1 }), await textOf({ ...wild, seed: 2 }));
  for (const narrow of [{ top_k: 1 }, { top_p: 0.000001 }, { min_p: 1 }]) {
    assert.equal(await textOf({ ...wild, seed: 1, ...narrow }), greedy, JSON.stringify(narrow));
  }
});

check("options: penalties, and how far they look back", async () => {
  const long = { num_predict: 100 };
  const plain = await textOf(long);
  for (const penalty of [
    { repeat_penalty: 1.8 }, { presence_penalty: 2 }, { frequency_penalty: 2 },
  ]) {
    const far = await textOf({ ...long, ...penalty, repeat_last_n: 64 });
    assert.notEqual(far, plain, JSON.stringify(penalty));
    assert.equal(await textOf({ ...long, ...penalty, repeat_last_n: 0 }), plain);
  }
});

check("options: stop ends an answer before itself", async () => {
  const whole = await textOf({ num_predict: 60 });
  const cut = await generate({}, { num_predict: 60, stop: [". "] });
  assert.equal(cut.response, whole.slice(0, whole.indexOf(". ")));
  assert.equal(cut.done_reason, "stop");
});

check("logprobs and top_logprobs", async () => {
  const { logprobs, response } = await generate({ logprobs: true, top_logprobs: 2 });
  assert.equal(logprobs.map((one) => one.token).join(""), response);
  for (const one of logprobs) {
    assert.ok(one.logprob <= 0);
    assert.equal(one.top_logprobs.length, 2);
    assert.equal(one.top_logprobs[0].token, one.token);
  }
});

check("truncate: a long prompt is cut, or refused where that is not wanted", async () => {
  const prompt = "The dog ran to the cat. ".repeat(300);
  const talk = [{ role: "user", content: prompt }];
  const refused = [
    () => generate({ prompt, truncate: false }), () => chat({ messages: talk, truncate: false }),
  ];
  for (const run of refused) {
    const error = await failure(Error, run);
    assert.equal(error.status_code, 400);
    assert.match(error.error, /\d{4,}.*512|512.*\d{4,}/);
  }
  const cut = await generate({ prompt, truncate: true });
  assert.ok(cut.prompt_eval_count > 100 && cut.prompt_eval_count <= 512);
});
