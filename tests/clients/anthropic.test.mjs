// Messages by Anthropic's own client: answers, streams, parameters, counting, errors.
import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";

import { collect, failure, serve } from "./server.mjs";

const { server, check } = await serve();
const client = server.anthropic();
const user = (content) => ({ role: "user", content });

function ask(more = {}) {
  return {
    model: server.model, max_tokens: 24, temperature: 0,
    messages: [user("Once upon a time there was a dog.")], ...more,
  };
}

const create = (more) => client.messages.create(ask(more));
const textOf = async (more) => (await create(more)).content.map((part) => part.text).join("");

check("an answer has everything that clients read, and nothing of another dialect", async () => {
  const message = await create();
  assert.match(message.id, /^msg_/);
  assert.equal(message.type, "message");
  assert.equal(message.role, "assistant");
  assert.equal(message.model, server.model);
  assert.equal(message.content.length, 1);
  assert.equal(message.content[0].type, "text");
  assert.ok(message.content[0].text.length > 0);
  assert.ok(["end_turn", "max_tokens"].includes(message.stop_reason));
  assert.equal(message.stop_sequence, null);
  assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 0);
  for (const foreign of ["choices", "timings", "object"]) assert.ok(!(foreign in message));
});

check("max_tokens ends an answer", async () => {
  const { stop_reason, usage } = await create({ max_tokens: 3 });
  assert.equal(stop_reason, "max_tokens");
  assert.equal(usage.output_tokens, 3);
});

check("usage: what is remembered is told apart from what is read", async () => {
  const messages = [user("A brown horse met eleven quiet geese under the old stone bridge.")];
  const first = (await create({ messages })).usage;
  const second = (await create({ messages })).usage;
  assert.ok(second.cache_read_input_tokens > (first.cache_read_input_tokens ?? 0));
  const whole = (usage) => usage.input_tokens + (usage.cache_read_input_tokens ?? 0)
    + (usage.cache_creation_input_tokens ?? 0);
  assert.equal(whole(second), whole(first));
  const counted = await client.messages.countTokens({ model: server.model, messages });
  assert.equal(whole(first), counted.input_tokens);
});

check("the same prompt and the same text as chat completions", async () => {
  const chat = await server.openai().chat.completions.create({
    model: server.model, temperature: 0, max_tokens: 24, messages: [
      { role: "system", content: "Tell of animals." }, ...ask().messages,
    ],
  });
  assert.equal(await textOf({ system: "Tell of animals." }), chat.choices[0].message.content);
  const blocks = [{ type: "text", text: "Tell of animals.", cache_control: { type: "ephemeral" } }];
  assert.equal(await textOf({ system: blocks }), chat.choices[0].message.content);
  const inBlocks = [user([{ type: "text", text: ask().messages[0].content }])];
  assert.equal(await textOf({ system: blocks, messages: inBlocks }),
    chat.choices[0].message.content);
});

check("a talk of several turns", async () => {
  const messages = [
    user("The cat is called Mimi."), { role: "assistant", content: "Mimi is a good cat." },
    user("And then?"),
  ];
  const counted = await client.messages.countTokens({ model: server.model, messages });
  const last = await client.messages.countTokens({
    model: server.model, messages: messages.slice(2),
  });
  assert.ok(counted.input_tokens > last.input_tokens + 8);
  assert.ok((await textOf({ messages })).length > 0);
});

check("an assistant's message at the end is the beginning of the answer", async () => {
  const messages = [...ask().messages, { role: "assistant", content: "The dog was called" }];
  const text = await textOf({ messages });
  assert.ok(!text.startsWith("The dog was called"), "it is not said again");
  const { json } = await server.post("/apply-template", {
    messages, add_generation_prompt: false, continue_final_message: true,
  });
  assert.match(json.prompt, /The dog was called$/);
  const continued = await server.post("/completion", {
    prompt: json.prompt, n_predict: 24, temperature: 0,
  });
  assert.equal(text.trim(), continued.json.content.trim());
});

// The types of events with their indices, runs of deltas as one.
function shape(events) {
  const types = events.filter((event) => event.type !== "ping").map((event) => (
    event.index === undefined ? event.type : `${event.type} ${event.index}`));
  return types.filter((type, i) => type !== types[i - 1]);
}

check("a stream: events in order", async () => {
  const whole = await create();
  const events = await collect(await create({ stream: true }));
  assert.deepEqual(shape(events), [
    "message_start", "content_block_start 0", "content_block_delta 0", "content_block_stop 0",
    "message_delta", "message_stop",
  ]);
  const [start] = events;
  assert.equal(start.message.type, "message");
  assert.deepEqual(start.message.content, []);
  assert.equal(start.message.stop_reason, null);
  assert.ok(start.message.usage.input_tokens + (start.message.usage.cache_read_input_tokens ?? 0)
    > 0);
  const deltas = events.filter((event) => event.type === "content_block_delta");
  assert.ok(deltas.length > 3, "pieces come while they are written");
  assert.ok(deltas.every((event) => event.delta.type === "text_delta"));
  assert.equal(deltas.map((event) => event.delta.text).join(""), whole.content[0].text);
  const last = events.find((event) => event.type === "message_delta");
  assert.equal(last.delta.stop_reason, whole.stop_reason);
  assert.equal(last.usage.output_tokens, whole.usage.output_tokens);
});

check("the stream helper puts the same answer together", async () => {
  const stream = client.messages.stream(ask());
  const pieces = [];
  stream.on("text", (piece) => pieces.push(piece));
  const final = await stream.finalMessage();
  assert.equal(final.content[0].text, await textOf());
  assert.equal(pieces.join(""), final.content[0].text);
  assert.ok(final.usage.output_tokens > 0);
});

check("raw: each event has a name that is its type", async () => {
  const { text, headers } = await server.post("/v1/messages", ask({ stream: true, max_tokens: 3 }));
  assert.match(headers.get("content-type"), /^text\/event-stream/);
  const events = text.split("\n\n").filter((event) => event.startsWith("event:"));
  assert.ok(events.length >= 6);
  for (const event of events) {
    const [, name, data] = /^event: (\S+)\ndata: (.*)$/.exec(event);
    assert.equal(JSON.parse(data).type, name);
  }
  assert.ok(!text.includes("[DONE]"));
});

check("stop_sequences end an answer and are told", async () => {
  const whole = await textOf({ max_tokens: 60 });
  const word = whole.split(" ").filter((one) => /^[a-z]{3,}$/.test(one))[3];
  const message = await create({ max_tokens: 60, stop_sequences: ["never to be found", word] });
  assert.equal(message.stop_reason, "stop_sequence");
  assert.equal(message.stop_sequence, word);
  assert.equal(message.content[0].text, whole.slice(0, whole.indexOf(word)));
  const stream = client.messages.stream(ask({ max_tokens: 60, stop_sequences: [word] }));
  const final = await stream.finalMessage();
  assert.equal(final.stop_reason, "stop_sequence");
  assert.equal(final.stop_sequence, word);
});

check("temperature, top_k and top_p choose how it is drawn", async () => {
  const greedy = await textOf();
  const wild = { temperature: 2 };
  assert.equal(new Set([await textOf(wild), await textOf(wild), await textOf(wild)]).size, 3);
  assert.equal(await textOf({ ...wild, top_k: 1 }), greedy);
  assert.equal(await textOf({ ...wild, top_p: 0.000001 }), greedy);
});

check("thinking: disabled is nothing; enabled is honoured, refused or told", async () => {
  assert.equal(await textOf({ thinking: { type: "disabled" } }), await textOf());
  const { status, json, ignored } = await server.post("/v1/messages", ask({
    max_tokens: 100, thinking: { type: "enabled", budget_tokens: 50 },
  }));
  if (status === 400) assert.match(json.error.message, /thinking/);
  else assert.ok(ignored.has("thinking") || json.content[0].type === "thinking");
});

check("errors have Anthropic's shape and name the field", async () => {
  for (const [field, value] of [
    ["messages", undefined], ["messages", []], ["messages", [{ role: "nobody", content: "x" }]],
    ["messages", [user([{ type: "smell" }])]], ["max_tokens", undefined], ["max_tokens", 0],
    ["max_tokens", "many"], ["temperature", "hot"], ["top_k", "x"], ["top_p", 3],
    ["stop_sequences", "x"], ["system", 7], ["tools", 7], ["tool_choice", { type: "perhaps" }],
  ]) {
    const error = await failure(Anthropic.BadRequestError, () => create({ [field]: value }));
    const said = `${field} ${JSON.stringify(value)}: ${error.message}`;
    assert.equal(error.error.type, "error", said);
    assert.equal(error.error.error.type, "invalid_request_error", said);
    assert.match(error.error.error.message, new RegExp(field), said);
  }
});

check("an unknown model is not found, no room an invalid request with numbers", async () => {
  const unknown = await failure(Anthropic.NotFoundError, () => create({ model: "no-such-model" }));
  assert.equal(unknown.error.error.type, "not_found_error");
  assert.match(unknown.message, /no-such-model/);
  const messages = [user("The dog ran to the cat. ".repeat(300))];
  for (const stream of [false, true]) {
    const error = await failure(Anthropic.BadRequestError, () => create({ messages, stream }));
    assert.equal(error.error.error.type, "invalid_request_error");
    assert.match(error.message, /\d{4,}.*512|512.*\d{4,}/);
  }
});

check("an image is refused by a model of texts", async () => {
  const source = { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" };
  const messages = [user([{ type: "image", source }, { type: "text", text: "What is it?" }])];
  const error = await failure(Anthropic.BadRequestError, () => create({ messages }));
  assert.match(error.message, /image/);
});
