// Plain completions by OpenAI's own client.
import assert from "node:assert/strict";

import OpenAI from "openai";

import { collect, failure, serve } from "./server.mjs";

const { server, check } = await serve();
const client = server.openai();
const PROMPT = "Once upon a time, there was a little";

function ask(more = {}) {
  return {
    model: server.model, prompt: PROMPT, temperature: 0, max_tokens: 16, logit_bias: { 2: -100 },
    ...more,
  };
}

const create = (more) => client.completions.create(ask(more));
const textOf = async (more) => (await create(more)).choices[0].text;

check("an answer has everything that clients read", async () => {
  const answer = await create();
  assert.match(answer.id, /^cmpl-/);
  assert.equal(answer.object, "text_completion");
  assert.equal(answer.model, server.model);
  assert.equal(answer.choices[0].index, 0);
  assert.equal(answer.choices[0].finish_reason, "length");
  assert.equal(answer.usage.completion_tokens, 16);
  const counted = await server.post("/tokenize", { content: PROMPT, add_special: true });
  assert.equal(answer.usage.prompt_tokens, counted.json.tokens.length);
});

check("the model tells a story", async () => {
  assert.match(await textOf(), /^ (girl|boy|dog|cat|bird|bear|rabbit|bunny)\b/);
});

check("a stream is the same text in pieces; usage when asked", async () => {
  const chunks = await collect(await create({
    stream: true, stream_options: { include_usage: true },
  }));
  const usage = chunks.pop();
  assert.deepEqual(usage.choices, []);
  assert.equal(usage.usage.completion_tokens, 16);
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), await textOf());
  const reasons = chunks.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean);
  assert.deepEqual(reasons, ["length"]);
});

check("echo gives the prompt back in front", async () => {
  assert.equal(await textOf({ echo: true }), PROMPT + await textOf());
});

check("echo without new tokens scores the prompt", async () => {
  const { choices: [{ text, logprobs }] } = await create({
    echo: true, max_tokens: 0, logprobs: 1,
  });
  assert.equal(text, PROMPT);
  assert.equal(logprobs.tokens.join("").trim(), PROMPT);
  assert.equal(logprobs.token_logprobs[0], null, "nothing stands before the first");
  assert.ok(logprobs.token_logprobs.slice(1).every((one) => one <= 0));
  assert.equal(logprobs.token_logprobs.length, logprobs.tokens.length);
});

check("logprobs: tokens, their chances, the best of each step, offsets", async () => {
  const { choices: [{ text, logprobs }] } = await create({ logprobs: 3 });
  assert.equal(logprobs.tokens.join(""), text);
  assert.equal(logprobs.tokens.length, 16);
  logprobs.tokens.forEach((token, i) => {
    const best = logprobs.top_logprobs[i];
    assert.equal(Object.keys(best).length, 3);
    assert.ok(Math.abs(best[token] - logprobs.token_logprobs[i]) < 1e-6);
    assert.ok(Object.values(best).every((one) => one <= best[token]), "greedy takes the best");
  });
  const first = logprobs.text_offset[0];
  assert.deepEqual(logprobs.text_offset.map((at) => at - first).slice(0, 3),
    [0, logprobs.tokens[0].length, logprobs.tokens[0].length + logprobs.tokens[1].length]);
});

check("several prompts, as texts and as tokens", async () => {
  const prompts = [PROMPT, "The cat sat on"];
  const { choices } = await create({ prompt: prompts });
  assert.deepEqual(choices.map((choice) => choice.index), [0, 1]);
  const alone = [await textOf(), await textOf({ prompt: prompts[1] })];
  assert.deepEqual(choices.map((choice) => choice.text), alone);
  const { json } = await server.post("/tokenize", { content: PROMPT, add_special: true });
  assert.equal(await textOf({ prompt: json.tokens }), alone[0]);
  const both = await create({ prompt: [json.tokens, json.tokens] });
  assert.deepEqual(both.choices.map((choice) => choice.text), [alone[0], alone[0]]);
});

check("n answers for each prompt", async () => {
  const { choices } = await create({
    prompt: [PROMPT, "The cat"], n: 2, temperature: 1.5, seed: 1,
  });
  assert.deepEqual(choices.map((choice) => choice.index).sort(), [0, 1, 2, 3]);
  assert.equal(new Set(choices.map((choice) => choice.text)).size, 4);
});

check("suffix: a model that cannot fill in says so", async () => {
  const error = await failure(OpenAI.BadRequestError, () => create({ suffix: " The end." }));
  assert.equal(error.param, "suffix");
});

check("best_of: more than n is refused, not ignored", async () => {
  const error = await failure(OpenAI.BadRequestError, () => create({ best_of: 3 }));
  assert.equal(error.param, "best_of");
  assert.equal(await textOf({ best_of: 1 }), await textOf());
});

check("stop, seed and penalties", async () => {
  const whole = await textOf({ max_tokens: 60 });
  const cut = await create({ max_tokens: 60, stop: [". "] });
  assert.equal(cut.choices[0].text, whole.slice(0, whole.indexOf(". ")));
  assert.equal(cut.choices[0].finish_reason, "stop");
  const draw = (seed) => textOf({ temperature: 1.5, seed, max_tokens: 30 });
  assert.equal(await draw(1), await draw(1));
  assert.notEqual(await draw(1), await draw(2));
  assert.notEqual(await textOf({ max_tokens: 60, frequency_penalty: 2 }), whole);
});

check("without max_tokens sixteen are written, as the specification says", async () => {
  const { usage } = await create({ max_tokens: undefined });
  assert.equal(usage.completion_tokens, 16);
});
