// The Responses API by OpenAI's own client: answers, what is kept of them, and errors.
import assert from "node:assert/strict";

import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";

import { collect, failure, makeModel, serve, TOOL_FLAGS } from "./server.mjs";

const { server, check } = await serve({ model: makeModel("long"), flags: TOOL_FLAGS });
const client = server.openai();

// The model may end where it likes: what is asked for is short.
function ask(more = {}) {
  return {
    model: server.model, input: "Once upon a time there was a dog.", temperature: 0,
    max_output_tokens: 24, ...more,
  };
}

const create = (more) => client.responses.create(ask(more));

check("an answer has everything that clients read", async () => {
  const response = await create();
  assert.match(response.id, /^resp_/);
  assert.equal(response.object, "response");
  assert.equal(response.model, server.model);
  assert.ok(Number.isInteger(response.created_at));
  assert.equal(response.error, null);
  const message = response.output.find((item) => item.type === "message");
  assert.match(message.id, /^msg_/);
  assert.equal(message.role, "assistant");
  assert.equal(message.content[0].type, "output_text");
  assert.deepEqual(message.content[0].annotations, []);
  assert.ok(response.output_text.length > 0);
  const { input_tokens, output_tokens, total_tokens } = response.usage;
  assert.ok(input_tokens > 0 && output_tokens > 0 && output_tokens <= 24);
  assert.equal(total_tokens, input_tokens + output_tokens);
  assert.equal(typeof response.usage.input_tokens_details.cached_tokens, "number");
  assert.equal(typeof response.usage.output_tokens_details.reasoning_tokens, "number");
});

check("what was asked is told back", async () => {
  const metadata = { for: "a test" };
  const response = await create({
    metadata, instructions: "Tell of animals.", top_p: 0.9, max_output_tokens: 5,
  });
  assert.deepEqual(response.metadata, metadata);
  assert.equal(response.instructions, "Tell of animals.");
  assert.equal(response.temperature, 0);
  assert.equal(response.top_p, 0.9);
  assert.equal(response.max_output_tokens, 5);
  assert.equal(response.parallel_tool_calls, true);
  assert.equal(response.tool_choice, "auto");
  assert.deepEqual(response.tools, []);
  assert.equal(response.previous_response_id, null);
});

check("max_output_tokens: an answer that is cut off is incomplete and says why", async () => {
  const response = await create({ max_output_tokens: 3 });
  assert.equal(response.status, "incomplete");
  assert.equal(response.incomplete_details.reason, "max_output_tokens");
  assert.equal(response.usage.output_tokens, 3);
});

check("the same prompt as chat completions, and the same text", async () => {
  const chat = await client.chat.completions.create({
    model: server.model, temperature: 0, max_tokens: 24, messages: [
      { role: "system", content: "Tell of animals." },
      { role: "user", content: "Once upon a time there was a dog." },
    ],
  });
  const response = await create({ instructions: "Tell of animals." });
  assert.equal(response.output_text, chat.choices[0].message.content);
  assert.equal(response.usage.input_tokens, chat.usage.prompt_tokens);
  const items = await create({ input: [
    { role: "developer", content: "Tell of animals." },
    { type: "message", role: "user", content: [
      { type: "input_text", text: "Once upon a time there was a dog." },
    ] },
  ] });
  assert.equal(items.output_text, response.output_text);
});

check("previous_response_id goes on with the talk", async () => {
  const first = await create({ input: "The cat is called Mimi." });
  const second = await create({ input: "And then?", previous_response_id: first.id });
  assert.equal(second.previous_response_id, first.id);
  const whole = await create({ input: [
    { role: "user", content: "The cat is called Mimi." },
    { role: "assistant", content: first.output_text },
    { role: "user", content: "And then?" },
  ] });
  assert.equal(second.usage.input_tokens, whole.usage.input_tokens);
  assert.equal(second.output_text, whole.output_text);
  const third = await create({ input: "Why?", previous_response_id: second.id });
  assert.ok(third.usage.input_tokens > second.usage.input_tokens);
});

check("instructions are not carried over to the next response", async () => {
  const told = await create({ instructions: "Tell of animals, and only of animals." });
  const plain = await create();
  const [a, b] = await Promise.all([told, plain].map(
    (previous) => create({ input: "More.", previous_response_id: previous.id,
      instructions: "Be brief.", max_output_tokens: 1 })));
  const gap = (b.usage.input_tokens - plain.usage.total_tokens)
    - (a.usage.input_tokens - told.usage.total_tokens);
  assert.ok(gap > 3, "the old instructions left the prompt");
});

check("retrieve, input_items and delete", async () => {
  const response = await create();
  const again = await client.responses.retrieve(response.id);
  assert.equal(again.id, response.id);
  assert.equal(again.output_text, response.output_text);
  assert.deepEqual(again.usage, response.usage);
  const items = await collect(client.responses.inputItems.list(response.id));
  assert.equal(items.length, 1);
  assert.equal(items[0].role, "user");
  assert.equal(items[0].content[0].text, ask().input);
  await client.responses.delete(response.id);
  for (const run of [
    () => client.responses.retrieve(response.id),
    () => client.responses.delete(response.id),
    () => collect(client.responses.inputItems.list(response.id)),
    () => create({ previous_response_id: response.id }),
  ]) {
    const error = await failure(OpenAI.APIError, run);
    assert.ok([400, 404].includes(error.status), `${error.status}`);
    assert.match(error.message, new RegExp(response.id));
  }
});

check("store: false keeps nothing", async () => {
  const response = await create({ store: false });
  assert.equal(response.store, false);
  await failure(OpenAI.NotFoundError, () => client.responses.retrieve(response.id));
});

check("cancel: what is not in the background cannot be", async () => {
  const response = await create();
  await failure(OpenAI.BadRequestError, () => client.responses.cancel(response.id));
});

check("input_tokens counts without an answer", async () => {
  const { usage } = await create();
  const counted = await client.responses.inputTokens.count({
    model: server.model, input: ask().input,
  });
  assert.equal(counted.object, "response.input_tokens");
  assert.equal(counted.input_tokens, usage.input_tokens);
});

const HERO = z.object({ kind: z.enum(["dog", "cat"]), brave: z.boolean() });

check("text.format json_schema, with the helper", async () => {
  const response = await client.responses.parse(ask({
    text: { format: zodTextFormat(HERO, "hero") }, max_output_tokens: 400, temperature: 1,
  }));
  assert.equal(response.status, "completed");
  HERO.parse(response.output_parsed);
  assert.equal(response.text.format.name, "hero");
});

check("text.format json_object and text", async () => {
  const object = await create({
    text: { format: { type: "json_object" } }, max_output_tokens: 200,
  });
  assert.match(object.output_text, /^\s*\{/);
  const text = await create({ text: { format: { type: "text" } } });
  assert.equal(text.output_text, (await create()).output_text);
});

check("top_logprobs come where they are included", async () => {
  const response = await create({
    include: ["message.output_text.logprobs"], top_logprobs: 2, max_output_tokens: 6,
  });
  const { logprobs, text } = response.output[0].content[0];
  assert.equal(logprobs.map((one) => one.token).join(""), text);
  assert.ok(logprobs.every((one) => one.top_logprobs.length === 2 && one.logprob <= 0));
});

check("what coding agents send along is taken", async () => {
  const response = await create({
    include: ["reasoning.encrypted_content"], store: false, prompt_cache_key: "a-session",
    reasoning: { effort: "medium", summary: "auto" }, max_output_tokens: 4,
  });
  assert.ok(response.usage.output_tokens > 0);
});

check("truncation: auto drops the oldest or is refused; disabled makes it an error", async () => {
  const talk = Array.from({ length: 40 }, (_, i) => (
    { role: i % 2 ? "assistant" : "user", content: "The dog ran to the cat. ".repeat(20) }));
  talk.push({ role: "user", content: "And then?" });
  for (const truncation of [undefined, "disabled"]) {
    const error = await failure(OpenAI.BadRequestError, () => create({ input: talk, truncation }));
    assert.equal(error.type, "exceed_context_size_error");
    assert.ok(error.error.n_prompt_tokens > error.error.n_ctx);
  }
  const { status, json } = await server.post("/v1/responses", ask({
    input: talk, truncation: "auto",
  }));
  if (status === 400) assert.equal(json.error.param, "truncation");
  else assert.ok(json.usage.input_tokens > 100 && json.usage.input_tokens <= 2048);
});
