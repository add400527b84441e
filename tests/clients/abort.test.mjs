// Clients that go away in the middle, and more clients than there is room for.
// The model has room for 32,768 tokens and may not end: an answer lasts until it is left.
import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";

import OpenAI from "openai";

import { eventually, failure, makeModel, serve } from "./server.mjs";

const ENDLESS = { 2: -100 };
const ROW = { type: "array", items: { type: "integer", minimum: 0, maximum: 9 }, minItems: 60 };
const DIGITS = { type: "array", items: ROW, minItems: 60 }; // where a dialect has no logit_bias
const MANY = 30_000; // tokens: much longer than anything here waits
const CROWD = 600; // requests: more than any queue should take in

const model = makeModel("long");
const flags = ["-c", "32768", "-np", "1", "--chat-template", "chatml"];
const { server, check } = await serve({ model, flags });
const messages = [{ role: "user", content: "Once upon a time there was a dog." }];
const openai = server.openai();
const long = { model: server.model, max_tokens: MANY, temperature: 0 };

// Each begins an endless answer, leaves it after some pieces, and says how many there were.
const LEAVES = {
  "OpenAI chat, break": async () => {
    const stream = await openai.chat.completions.create({
      ...long, messages, logit_bias: ENDLESS, stream: true,
    });
    let pieces = 0;
    for await (const _ of stream) if (++pieces === 5) break;
    return pieces;
  },
  "OpenAI chat, controller": async () => {
    const stream = openai.chat.completions.stream({ ...long, messages, logit_bias: ENDLESS });
    let pieces = 0;
    stream.on("content", () => { if (++pieces === 5) stream.abort(); });
    await failure(OpenAI.APIUserAbortError, () => stream.done());
    return pieces;
  },
  "OpenAI completions, break": async () => {
    const stream = await openai.completions.create({
      ...long, prompt: "Once upon a time", logit_bias: ENDLESS, stream: true,
    });
    let pieces = 0;
    for await (const _ of stream) if (++pieces === 5) break;
    return pieces;
  },
  "OpenAI responses, break": async () => {
    const stream = await openai.responses.create({
      model: server.model, input: messages[0].content, stream: true, max_output_tokens: MANY,
      temperature: 0,
      text: { format: { type: "json_schema", name: "digits", schema: DIGITS } },
    });
    let pieces = 0;
    for await (const event of stream) {
      if (event.type === "response.output_text.delta" && ++pieces === 5) break;
    }
    return pieces;
  },
  "Anthropic, abort": async () => {
    const stream = server.anthropic().messages.stream({
      ...long, messages, output_config: { format: { type: "json_schema", schema: DIGITS } },
    });
    let pieces = 0;
    stream.on("text", () => { if (++pieces === 5) stream.abort(); });
    await failure(Error, () => stream.done());
    return pieces;
  },
  "Ollama, abort": async () => {
    const ollama = server.ollama();
    const stream = await ollama.generate({
      model: server.model, prompt: "Once upon a time", stream: true, raw: true,
      format: DIGITS, options: { num_predict: MANY, temperature: 0 },
    });
    let pieces = 0;
    const error = await failure(Error, async () => {
      for await (const _ of stream) if (++pieces === 5) ollama.abort();
    });
    assert.equal(error.name, "AbortError");
    return pieces;
  },
};

async function assertServes() {
  const { choices } = await openai.chat.completions.create({
    model: server.model, messages, max_tokens: 3, temperature: 0, logit_bias: ENDLESS,
  });
  assert.ok(choices[0].message.content.length > 0);
}

for (const [who, leave] of Object.entries(LEAVES)) {
  check(`${who}: the slot is free and the next request is served`, async () => {
    assert.ok(await leave() >= 5);
    await server.idle();
    await assertServes();
  });
}

check("an answer that is not streamed is left too, when its client is gone", async () => {
  const controller = new AbortController();
  const waiting = openai.chat.completions.create(
    { ...long, messages, logit_bias: ENDLESS }, { signal: controller.signal });
  const gone = failure(OpenAI.APIUserAbortError, () => waiting);
  await eventually("a slot at work", async () => {
    const { json } = await server.get("/slots");
    return json.some((slot) => slot.is_processing);
  });
  controller.abort();
  await gone;
  await server.idle();
  await assertServes();
});

async function occupy() {
  const stream = await openai.chat.completions.create({
    ...long, messages, logit_bias: ENDLESS, stream: true,
  });
  await stream[Symbol.asyncIterator]().next();
  return stream;
}

check("who waits in the queue is served when it is its turn", async () => {
  const first = await occupy();
  const waiting = assertServes();
  first.controller.abort();
  await waiting;
});

check("a client that leaves the queue is forgotten", async () => {
  const first = await occupy();
  const controller = new AbortController();
  const queued = failure(OpenAI.APIUserAbortError, () => openai.chat.completions.create(
    { ...long, messages, logit_bias: ENDLESS }, { signal: controller.signal }));
  setTimeout(() => controller.abort(), 100);
  await queued;
  first.controller.abort();
  await server.idle();
  await assertServes();
});

check("a full queue: 429 with Retry-After, and the others are not harmed", async () => {
  const first = await occupy();
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const crowd = Array.from({ length: CROWD }, () => openai.chat.completions.create(
    { model: server.model, messages, max_tokens: 1 }, { signal: controller.signal },
  ).then(() => undefined, (error) => error));
  const refused = await Promise.race([
    ...crowd.map((one) => one.then((error) => (
      error instanceof OpenAI.RateLimitError ? error : new Promise(() => undefined)))),
    Promise.all(crowd).then(() => undefined),
    new Promise((done) => { setTimeout(done, 30_000); }),
  ]);
  controller.abort();
  first.controller.abort();
  await Promise.all(crowd);
  assert.ok(refused, `none of ${CROWD} requests was refused`);
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  assert.equal(refused.type, "rate_limit_error");
  await server.idle();
  await assertServes();
});
