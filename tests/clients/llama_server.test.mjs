// What clients of llama.cpp's server use: its own endpoints, and its additions to OpenAI's.
import assert from "node:assert/strict";

import { collect, makeModel, serve, TOOL_FLAGS } from "./server.mjs";
import { assertArguments, WEATHER } from "./tools.mjs";

const { server, check } = await serve();
const knowing = await serve({ model: makeModel("long"), flags: TOOL_FLAGS });
const PROMPT = "Once upon a time, there was a little";
const messages = [{ role: "user", content: "Once upon a time there was a dog." }];

async function complete(more = {}) {
  const { status, json } = await server.post("/completion", {
    prompt: PROMPT, n_predict: 12, temperature: 0, ...more,
  });
  assert.equal(status, 200, JSON.stringify(json));
  return json;
}

async function chat(more = {}) {
  const { status, json } = await server.post("/v1/chat/completions", {
    messages, max_tokens: 12, temperature: 0, logit_bias: { 2: -100 }, ...more,
  });
  assert.equal(status, 200, JSON.stringify(json));
  return json;
}

async function render(more, on = server) {
  const { status, json } = await on.post("/apply-template", { messages, ...more });
  assert.equal(status, 200, JSON.stringify(json));
  return json.prompt;
}

function eventsOf(text) {
  const events = text.split("\n\n").filter((event) => event.startsWith("data: {"));
  return events.map((event) => JSON.parse(event.slice(6)));
}

check("completion: text, counts, how it ended", async () => {
  const answer = await complete();
  assert.match(answer.content, /^ (girl|boy|dog|cat|bird|bear|rabbit|bunny)\b/);
  assert.equal(answer.stop, true);
  assert.equal(answer.stop_type, "limit");
  assert.equal(answer.tokens_predicted, 12);
  assert.equal(answer.tokens_evaluated, (await server.tokens(PROMPT)).length + 1);
  assert.equal(answer.truncated, false);
  assert.equal(typeof answer.timings.predicted_per_second, "number");
  const cut = await complete({ stop: [" named"] });
  assert.equal(cut.stop_type, "word");
  assert.equal(cut.stopping_word, " named");
  assert.equal((await complete({ logit_bias: [[2, 100]] })).stop_type, "eos");
});

check("completion: a stream, whose last event has the counts", async () => {
  const { text, headers } = await server.post("/completion", {
    prompt: PROMPT, n_predict: 12, temperature: 0, stream: true,
  });
  assert.match(headers.get("content-type"), /^text\/event-stream/);
  const events = eventsOf(text);
  assert.equal(events.map((event) => event.content).join(""), (await complete()).content);
  assert.ok(events.slice(0, -1).every((event) => event.stop === false));
  assert.equal(events.at(-1).stop, true);
  assert.equal(events.at(-1).tokens_predicted, 12);
});

check("completion: prompts as tokens and as mixtures", async () => {
  const { content } = await complete();
  const tokens = [1, ...await server.tokens(PROMPT)];
  assert.equal((await complete({ prompt: tokens })).content, content);
  assert.equal((await complete({ prompt: [PROMPT] })).content ?? content, content);
});

check("ignore_eos and logit_bias keep the end away", async () => {
  const bias = [[2, 5]];
  const ended = await complete({ n_predict: 300, logit_bias: bias });
  assert.equal(ended.stop_type, "eos");
  for (const more of [{ ignore_eos: true }, { logit_bias: [[2, false]] }]) {
    const kept = await complete({ n_predict: 300, logit_bias: bias, ...more });
    assert.equal(kept.stop_type, "limit");
  }
});

check("grammar and json_schema, here and in chat", async () => {
  const grammar = 'root ::= ("yes" | "no") " " [0-9]{2}';
  assert.match((await complete({ grammar })).content, /^(yes|no) \d\d$/);
  assert.match((await chat({ grammar })).choices[0].message.content, /^(yes|no) \d\d$/);
  const schema = await complete({ json_schema: WEATHER, n_predict: 400 });
  assertArguments("get_weather", JSON.parse(schema.content));
  for (const [where, body] of [
    ["/completion", { prompt: "x", grammar: "root ::= (" }],
    ["/v1/chat/completions", { messages, grammar: "root ::= (" }],
    ["/completion", { prompt: "x", json_schema: { type: "nothing" } }],
  ]) {
    const { status, json } = await server.post(where, body);
    assert.equal(status, 400, JSON.stringify(json));
    assert.match(json.error.message, /grammar|schema|nothing/);
  }
});

check("n_probs and post_sampling_probs: the chances of each step", async () => {
  const { completion_probabilities: steps, content } = await complete({ n_probs: 3 });
  assert.equal(steps.length, 12);
  assert.equal(steps.map((step) => step.token).join(""), content);
  for (const step of steps) {
    assert.equal(step.top_logprobs.length, 3);
    assert.ok(Number.isInteger(step.id) && step.logprob <= 0);
  }
  const after = await complete({ n_probs: 3, post_sampling_probs: true, temperature: 1, seed: 1 });
  for (const step of after.completion_probabilities) {
    assert.ok(step.prob > 0 && step.prob <= 1 && step.top_probs.length <= 3);
  }
});

check("return_tokens and response_fields", async () => {
  const { tokens, content } = await complete({ return_tokens: true });
  assert.equal(tokens.length, 12);
  const { json } = await server.post("/detokenize", { tokens });
  assert.equal(json.content.trim(), content.trim());
  assert.deepEqual((await complete()).tokens ?? [], []);
  const few = await complete({ response_fields: ["content", "timings/predicted_n"] });
  assert.deepEqual(Object.keys(few).sort(), ["content", "timings/predicted_n"]);
});

check("id_slot: the slot that was asked for answers", async () => {
  assert.equal((await complete({ id_slot: 2 })).id_slot, 2);
  assert.equal((await complete({ id_slot: 0 })).id_slot, 0);
  const { status } = await server.post("/completion", { prompt: "x", n_predict: 1, id_slot: 99 });
  assert.equal(status, 400);
});

check("cache_prompt: false forgets, and nothing changes but the count", async () => {
  const prompt = "A tall giraffe met seventeen tiny turtles near the river.";
  const first = await complete({ prompt, id_slot: 1 });
  const again = await complete({ prompt, id_slot: 1 });
  const afresh = await complete({ prompt, id_slot: 1, cache_prompt: false });
  assert.ok(again.timings.cache_n > 5);
  assert.equal(afresh.timings.cache_n, 0);
  assert.equal(again.content, first.content);
  assert.equal(afresh.content, first.content);
});

check("timings_per_token and return_progress tell more while it goes on", async () => {
  const ask = async (more) => eventsOf((await server.post("/v1/chat/completions", {
    messages, max_tokens: 5, stream: true, ...more,
  })).text);
  const plain = await ask({});
  assert.ok(plain.slice(0, -1).every((event) => !event.timings && !event.prompt_progress));
  const timed = await ask({ timings_per_token: true });
  assert.ok(timed.filter((event) => event.timings).length > 2);
  const told = await ask({ return_progress: true, cache_prompt: false });
  const progress = told.map((event) => event.prompt_progress).filter(Boolean);
  assert.ok(progress.length > 0);
  assert.equal(progress.at(-1).processed, progress.at(-1).total);
});

check("templates: add_generation_prompt and continue_final_message", async () => {
  const open = await render({});
  const closed = await render({ add_generation_prompt: false });
  assert.ok(open.startsWith(closed) && open.length > closed.length);
  const begun = [...messages, { role: "assistant", content: "It was a black" }];
  const more = { messages: begun, add_generation_prompt: false, continue_final_message: true };
  assert.match(await render(more), /It was a black$/);
  const { status } = await server.post("/v1/chat/completions", {
    messages: begun, add_generation_prompt: true, continue_final_message: true,
  });
  assert.equal(status, 400, "both cannot be");
  const { usage } = await chat(more);
  const content = await render(more);
  const { json } = await server.post("/tokenize", { content, add_special: true });
  assert.equal(usage.prompt_tokens, json.tokens.length);
});

check("templates: what a template reads is handed to it", async () => {
  const on = knowing.server;
  const plain = await render({}, on);
  assert.match(await render({ reasoning_effort: "high" }, on), /Effort: high/);
  assert.ok(!plain.includes("Effort"));
  assert.ok(!plain.includes("<think>"));
  for (const more of [
    { enable_thinking: false }, { chat_template_kwargs: { enable_thinking: false } },
  ]) {
    assert.match(await render(more, on), /<think>\n\n<\/think>\n\n$/);
  }
  const body = { model: on.model, messages, max_tokens: 1 };
  for (const [name, value] of [["reasoning_effort", "high"], ["enable_thinking", false]]) {
    const read = await on.post("/v1/chat/completions", { ...body, [name]: value });
    assert.equal(read.status, 200);
    assert.ok(!read.ignored.has(name), `${name} is read by this template`);
  }
});

check("tokenize and detokenize are each other's inverse", async () => {
  for (const text of ["Once upon a time", "caf\u00e9, \u4f60\u597d, \u{1f600}", "a\n\n  b"]) {
    const tokens = await server.tokens(text);
    assert.ok(tokens.length > 1 && tokens.every(Number.isInteger));
    const { json } = await server.post("/detokenize", { tokens });
    assert.equal(json.content.replace(/^ /, ""), text);
  }
  const special = await server.post("/tokenize", { content: "x", add_special: true });
  assert.equal(special.json.tokens[0], 1);
  const { json } = await server.post("/tokenize", { content: "the cat", with_pieces: true });
  assert.equal(json.tokens.map((one) => one.piece).join("").trim(), "the cat");
});

check("health, props, slots and the list of models", async () => {
  assert.equal((await server.get("/health")).json.status, "ok");
  const props = (await server.get("/props")).json;
  assert.equal(props.total_slots, 4);
  assert.match(props.chat_template, /im_start/);
  assert.equal(props.default_generation_settings.n_ctx, 512);
  const slots = (await server.get("/slots")).json;
  assert.deepEqual(slots.map((slot) => slot.id), [0, 1, 2, 3]);
  assert.ok(slots.every((slot) => slot.n_ctx === 512 && slot.is_processing === false));
  const { json } = await server.get("/v1/models");
  assert.equal(json.data[0].meta.n_ctx_train, 512);
  assert.equal(json.data[0].meta.n_vocab, 4096);
  assert.equal(json.data[0].meta.n_params, 5770496);
});

check("infill: a model that cannot fill in says so", async () => {
  const { status, json } = await server.post("/infill", { input_prefix: "a", input_suffix: "b" });
  assert.ok(status === 400 || status === 501, `${status}`);
  assert.ok(json.error.message.length > 10);
});

check("requests side by side get what they would get alone", async () => {
  const prompts = ["The cat", "One day, a boy", "The sun was", "Tim and his mom", "A red ball"];
  const alone = [];
  for (const prompt of prompts) alone.push((await complete({ prompt, n_predict: 40 })).content);
  const together = await Promise.all(prompts.map(
    (prompt) => complete({ prompt, n_predict: 40, cache_prompt: false })));
  assert.deepEqual(together.map((answer) => answer.content), alone);
  const all = await collect(await server.openai().completions.create({
    model: server.model, prompt: prompts[0], max_tokens: 40, temperature: 0, stream: true,
  }));
  assert.equal(all.map((chunk) => chunk.choices[0]?.text ?? "").join(""), alone[0]);
});
