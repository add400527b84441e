// Chat completions by OpenAI's own client: answers, streams, and every parameter that shapes them.
import assert from "node:assert/strict";

import { collect, serve } from "./server.mjs";

const { server, check } = await serve();
const client = server.openai();
const user = (content) => ({ role: "user", content });
const NEVER_END = { 2: -100 }; // 2 is the token that ends a text of the bundled model

// The same conversation everywhere: greedy, and long enough for what is asked of it.
function ask(more = {}) {
  return {
    model: server.model,
    messages: [user("Once upon a time there was a dog.")],
    temperature: 0,
    max_tokens: 24,
    logit_bias: NEVER_END,
    ...more,
  };
}

const create = (more) => client.chat.completions.create(ask(more));
const textOf = async (more) => (await create(more)).choices[0].message.content;

check("an answer has everything that clients read", async () => {
  const before = Math.floor(Date.now() / 1000) - 5;
  const answer = await create();
  assert.match(answer.id, /^chatcmpl-/);
  assert.equal(answer.object, "chat.completion");
  assert.equal(answer.model, server.model);
  assert.ok(Number.isInteger(answer.created) && answer.created >= before);
  assert.equal(typeof answer.system_fingerprint, "string");
  assert.equal(answer.choices.length, 1);
  const [choice] = answer.choices;
  assert.equal(choice.index, 0);
  assert.equal(choice.finish_reason, "length");
  assert.equal(choice.message.role, "assistant");
  assert.ok(choice.message.content.length > 0);
  assert.ok(!choice.message.tool_calls?.length);
});

check("usage counts the tokens of the prompt that the template makes", async () => {
  const { usage } = await create();
  const { json } = await server.post("/apply-template", { messages: ask().messages });
  const { json: counted } = await server.post("/tokenize", {
    content: json.prompt, add_special: true, parse_special: true,
  });
  assert.equal(usage.prompt_tokens, counted.tokens.length);
  assert.equal(usage.completion_tokens, 24);
  assert.equal(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
});

check("what is remembered of a prompt is told as cached tokens", async () => {
  const messages = [user("A grey cat sat beside nineteen yellow umbrellas and waited for rain.")];
  const first = (await create({ messages })).usage;
  const second = (await create({ messages })).usage;
  assert.equal(second.prompt_tokens, first.prompt_tokens);
  const [before, now] = [first, second].map((usage) => usage.prompt_tokens_details.cached_tokens);
  assert.ok(now > before, `${now} cached tokens the second time, ${before} the first`);
  assert.ok(now <= second.prompt_tokens);
});

check("remembered prompts do not change the answer", async () => {
  const messages = [user("The moon was a big white ball. What did the fox say?")];
  const answers = [await textOf({ messages }), await textOf({ messages })];
  assert.equal(answers[0], answers[1]);
});

check("a stream: role once and first, pieces in order, one finish reason, no usage", async () => {
  const whole = await textOf();
  const chunks = await collect(await create({ stream: true }));
  const deltas = chunks.map((chunk) => chunk.choices[0].delta);
  assert.equal(deltas[0].role, "assistant");
  assert.equal(deltas.filter((delta) => delta.role !== undefined).length, 1);
  assert.equal(deltas.map((delta) => delta.content ?? "").join(""), whole);
  assert.ok(deltas.filter((delta) => delta.content).length > 5, "many pieces, not one at the end");
  const reasons = chunks.map((chunk) => chunk.choices[0].finish_reason);
  assert.equal(reasons.pop(), "length");
  assert.deepEqual(new Set(reasons), new Set([null]));
  for (const chunk of chunks) {
    assert.equal(chunk.object, "chat.completion.chunk");
    assert.equal(chunk.id, chunks[0].id);
    assert.equal(chunk.created, chunks[0].created);
    assert.equal(chunk.model, server.model);
    assert.ok(!chunk.usage);
  }
});

check("a stream tells usage in a chunk of its own when asked", async () => {
  const { usage } = await create();
  const chunks = await collect(await create({
    stream: true, stream_options: { include_usage: true },
  }));
  const last = chunks.pop();
  assert.deepEqual(last.choices, []);
  assert.equal(last.usage.prompt_tokens, usage.prompt_tokens);
  assert.equal(last.usage.completion_tokens, 24);
  for (const chunk of chunks) {
    assert.equal(chunk.choices.length, 1);
    assert.ok(!chunk.usage);
  }
});

check("the stream helper puts the same answer together", async () => {
  const whole = await create();
  const stream = client.chat.completions.stream(ask({ stream_options: { include_usage: true } }));
  const pieces = [];
  stream.on("content", (piece) => pieces.push(piece));
  const final = await stream.finalChatCompletion();
  assert.equal(final.choices[0].message.content, whole.choices[0].message.content);
  assert.equal(pieces.join(""), whole.choices[0].message.content);
  assert.equal(final.choices[0].finish_reason, "length");
  assert.equal(final.usage.total_tokens, whole.usage.total_tokens);
});

check("a raw stream is server-sent events and ends with [DONE]", async () => {
  const { headers, text } = await server.post("/v1/chat/completions", ask({ stream: true }));
  assert.match(headers.get("content-type"), /^text\/event-stream/);
  const events = text.split("\n\n").filter((event) => event && !event.startsWith(":"));
  assert.equal(events.pop(), "data: [DONE]");
  for (const event of events) JSON.parse(event.replace(/^data: /, ""));
});

for (const limit of ["max_tokens", "max_completion_tokens"]) {
  check(`${limit} ends an answer`, async () => {
    const { choices, usage } = await create({ max_tokens: undefined, [limit]: 7 });
    assert.equal(usage.completion_tokens, 7);
    assert.equal(choices[0].finish_reason, "length");
  });
}

check("a text that ends by itself has the finish reason stop", async () => {
  const { choices, usage } = await create({ logit_bias: { 2: 100 }, max_tokens: 9 });
  assert.equal(choices[0].finish_reason, "stop");
  assert.equal(choices[0].message.content, "");
  assert.ok(usage.completion_tokens <= 1);
});

check("seeds: the same gives the same text, others give others", async () => {
  const draw = (seed) => textOf({ temperature: 1.5, top_k: 0, seed });
  const first = await draw(1);
  assert.equal(await draw(1), first);
  assert.notEqual(await draw(2), first);
  const others = new Set([await textOf({ temperature: 1.5 }), await textOf({ temperature: 1.5 })]);
  assert.equal(others.size, 2, "without a seed every answer is another one");
});

check("temperature and top_p change what is drawn", async () => {
  const greedy = await textOf();
  assert.notEqual(await textOf({ temperature: 2, seed: 5 }), greedy);
  assert.equal(await textOf({ temperature: 2, top_p: 0.000001, seed: 5 }), greedy);
});

check("penalties change what is chosen", async () => {
  const greedy = await textOf({ max_tokens: 80 });
  assert.notEqual(await textOf({ max_tokens: 80, presence_penalty: 2 }), greedy);
  assert.notEqual(await textOf({ max_tokens: 80, frequency_penalty: 2 }), greedy);
});

check("stop: one text or several end an answer before themselves", async () => {
  const whole = await textOf({ max_tokens: 60 });
  const words = whole.split(" ").filter((word) => /^[a-z]{3,}$/.test(word));
  const [early, late] = [words[2], words.at(-1)];
  for (const stop of [late, [late], ["never to be found", late, early]]) {
    const { choices } = await create({ max_tokens: 60, stop });
    const at = Math.min(...[stop].flat().map((one) => whole.indexOf(one)).filter((i) => i >= 0));
    assert.equal(choices[0].message.content, whole.slice(0, at));
    assert.equal(choices[0].finish_reason, "stop");
  }
  const chunks = await collect(await create({ max_tokens: 60, stop: late, stream: true }));
  const streamed = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  assert.equal(streamed, whole.slice(0, whole.indexOf(late)), "nothing of it slips out early");
});

check("n answers, each with its index; streamed too", async () => {
  const more = { n: 3, temperature: 1.5, seed: 3 };
  const { choices, usage } = await create(more);
  assert.deepEqual(choices.map((choice) => choice.index).sort(), [0, 1, 2]);
  const texts = choices.toSorted((a, b) => a.index - b.index).map((one) => one.message.content);
  assert.equal(new Set(texts).size, 3);
  assert.equal(usage.completion_tokens, 3 * 24);
  const streamed = ["", "", ""];
  const finished = [];
  for (const chunk of await collect(await create({ ...more, stream: true }))) {
    for (const { index, delta, finish_reason } of chunk.choices) {
      streamed[index] += delta.content ?? "";
      if (finish_reason) finished.push(index);
    }
  }
  assert.deepEqual(streamed, texts);
  assert.deepEqual(finished.sort(), [0, 1, 2]);
});

check("logit_bias forbids and forces tokens", async () => {
  const tokensOf = async (more) => (await create({ logprobs: true, ...more }))
    .choices[0].logprobs.content.map((step) => step.token);
  const word = (await tokensOf()).find((token) => /^ [a-z]+$/.test(token));
  const ids = await server.tokens(word.trim()); // the tokenizer puts the blank in front again
  assert.equal(ids.length, 1);
  const without = await tokensOf({ logit_bias: { ...NEVER_END, [ids[0]]: -100 } });
  assert.ok(!without.includes(word), `${word} was forbidden`);
  const forced = await tokensOf({ logit_bias: { [ids[0]]: 100 }, max_tokens: 3 });
  assert.deepEqual(forced.map((token) => token.trim()), Array(3).fill(word.trim()));
});

check("logprobs: a token, its bytes and its chance for every step", async () => {
  const { choices: [{ message, logprobs }] } = await create({ logprobs: true, top_logprobs: 4 });
  assert.equal(logprobs.content.length, 24);
  const bytes = logprobs.content.flatMap((step) => step.bytes);
  assert.equal(Buffer.from(bytes).toString(), message.content);
  for (const step of logprobs.content) {
    assert.equal(step.top_logprobs.length, 4);
    const chances = step.top_logprobs.map((one) => one.logprob);
    assert.deepEqual(chances, chances.toSorted((a, b) => b - a));
    const sum = chances.reduce((total, one) => total + Math.exp(one), 0);
    assert.ok(sum > 0 && sum < 1.0001, `chances add up to ${sum}`);
    assert.equal(step.top_logprobs[0].token, step.token, "greedy takes the likeliest");
    assert.ok(Math.abs(step.logprob - chances[0]) < 1e-6);
  }
});

check("logprobs in a stream are those of the whole answer", async () => {
  const { choices: [{ logprobs: whole }] } = await create({ logprobs: true, top_logprobs: 2 });
  const chunks = await collect(await create({ logprobs: true, top_logprobs: 2, stream: true }));
  const steps = chunks.flatMap((chunk) => chunk.choices[0].logprobs?.content ?? []);
  assert.deepEqual(steps.map((step) => step.token), whole.content.map((step) => step.token));
  assert.ok(steps.every((step) => step.top_logprobs.length === 2));
  const plain = (await create()).choices[0];
  assert.ok(!plain.logprobs, "none where none were asked for");
});

check("messages: roles, developer as system, texts in parts", async () => {
  const messages = [
    { role: "developer", content: "Tell of animals." },
    user([{ type: "text", text: "Tell of a bird." }]),
    { role: "assistant", content: [{ type: "text", text: "A bird sang." }] },
    user("And then?"),
  ];
  const plain = [
    { role: "system", content: "Tell of animals." },
    user("Tell of a bird."),
    { role: "assistant", content: "A bird sang." },
    user("And then?"),
  ];
  assert.equal(await textOf({ messages }), await textOf({ messages: plain }));
  const parts = [user([{ type: "text", text: "One bird. " }, { type: "text", text: "Two cats." }])];
  const { json } = await server.post("/apply-template", { messages: parts });
  assert.match(json.prompt, /One bird\.\s+Two cats\./);
});
