// Answers that must be JSON, by OpenAI's own client and its helpers.
import assert from "node:assert/strict";

import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

import { collect, serve } from "./server.mjs";

const { server, check } = await serve();
const client = server.openai();

function ask(more = {}) {
  return {
    model: server.model,
    messages: [{ role: "user", content: "Tell me of a hero." }],
    max_tokens: 400,
    temperature: 0.8,
    seed: 11,
    ...more,
  };
}

const create = (more) => client.chat.completions.create(ask(more));
const HERO = z.object({
  kind: z.enum(["dog", "cat", "fox"]),
  age: z.int().min(1).max(99),
  brave: z.boolean(),
  friends: z.array(z.enum(["Tim", "Lily"])).max(2),
  home: z.object({ colour: z.enum(["red", "blue"]) }),
});

function schemaFormat(schema, more = {}) {
  return { type: "json_schema", json_schema: { name: "answer", schema, strict: true, ...more } };
}

check("json_schema: whatever the seed, the answer suits the schema", async () => {
  const response_format = zodResponseFormat(HERO, "hero");
  const answers = new Set();
  for (const seed of [1, 2, 3, 4]) {
    const { choices: [{ message, finish_reason }] } = await create({
      response_format, seed, temperature: 1.5,
    });
    assert.equal(finish_reason, "stop");
    HERO.parse(JSON.parse(message.content));
    answers.add(message.content);
  }
  assert.ok(answers.size > 1, "the model has a say");
});

check("parse: the helper gives the value itself", async () => {
  const { choices: [{ message }] } = await client.chat.completions.parse(ask({
    response_format: zodResponseFormat(HERO, "hero"),
  }));
  HERO.parse(message.parsed);
});

check("the stream helper gives the value at the end", async () => {
  const stream = client.chat.completions.stream(ask({
    response_format: zodResponseFormat(HERO, "hero"),
  }));
  const final = await stream.finalChatCompletion();
  HERO.parse(final.choices[0].message.parsed);
});

check("a stream of JSON is the same JSON in pieces", async () => {
  const more = { response_format: zodResponseFormat(HERO, "hero") };
  const whole = (await create(more)).choices[0].message.content;
  const chunks = await collect(await create({ ...more, stream: true }));
  const pieces = chunks.map((chunk) => chunk.choices[0].delta.content).filter(Boolean);
  assert.equal(pieces.join(""), whole);
  assert.ok(pieces.length > 5);
});

const SCHEMAS = {
  "a constant": [{ const: "yes" }, (value) => value === "yes"],
  "a list of two": [
    { type: "array", items: { type: "integer", minimum: 0, maximum: 9 }, minItems: 2, maxItems: 2 },
    (value) => value.length === 2 && value.every((one) => one >= 0 && one <= 9)],
  "one of two kinds": [
    { anyOf: [{ type: "boolean" }, { type: "null" }] },
    (value) => value === null || typeof value === "boolean"],
  "a pattern": [
    { type: "string", pattern: "^[ab]{3}-[0-9]{2}$" }, (value) => /^[ab]{3}-\d\d$/.test(value)],
  "a reference": [
    { $defs: { c: { enum: ["x", "y"] } }, type: "object", required: ["c"],
      properties: { c: { $ref: "#/$defs/c" } }, additionalProperties: false },
    (value) => ["x", "y"].includes(value.c)],
};
for (const [what, [schema, suits]] of Object.entries(SCHEMAS)) {
  check(`json_schema: ${what}`, async () => {
    const { choices } = await create({ response_format: schemaFormat(schema) });
    assert.ok(suits(JSON.parse(choices[0].message.content)), choices[0].message.content);
  });
}

check("json_object: the answer is an object, if it may end", async () => {
  for (const seed of [1, 2, 3]) {
    const { choices: [{ message, finish_reason }] } = await create({
      response_format: { type: "json_object" }, seed, max_tokens: undefined,
    });
    assert.match(message.content, /^\s*\{/);
    if (finish_reason === "length") continue; // the storyteller may well fill the context
    const value = JSON.parse(message.content);
    assert.ok(typeof value === "object" && !Array.isArray(value));
  }
});

check("text: the answer is free", async () => {
  const free = await create({ temperature: 0, max_tokens: 12 });
  const text = await create({ temperature: 0, max_tokens: 12, response_format: { type: "text" } });
  assert.equal(text.choices[0].message.content, free.choices[0].message.content);
});

check("a schema that cannot be kept is refused, and the place is named", async () => {
  for (const [schema, place] of [
    [{ type: "string", not: { const: "a" } }, /not/],
    [{ type: "object", properties: { a: { $ref: "#/$defs/missing" } } }, /missing/],
    [{ type: "string", pattern: "(a)\\1" }, /pattern/],
  ]) {
    const { status, json } = await server.post("/v1/chat/completions", ask({
      response_format: schemaFormat(schema),
    }));
    assert.equal(status, 400, JSON.stringify(json));
    assert.match(json.error.param, /^response_format/);
    assert.match(json.error.message, place);
  }
});

check("a long answer that is cut off says so", async () => {
  const { choices: [{ finish_reason }] } = await create({
    response_format: zodResponseFormat(HERO, "hero"), max_tokens: 4,
  });
  assert.equal(finish_reason, "length");
});
