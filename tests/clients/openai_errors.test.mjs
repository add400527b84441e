// What goes wrong, as the error classes of OpenAI's client.
import assert from "node:assert/strict";

import OpenAI from "openai";

import { failure, serve } from "./server.mjs";

const { server, check } = await serve();
const client = server.openai();
const messages = [{ role: "user", content: "Once upon a time" }];

// Wrong values of each field; the error names the field.
const WRONG = {
  messages: [undefined, [], "text", [{ role: "nobody", content: "x" }], [{ content: "x" }], [7],
    [{ role: "user", content: 7 }], [{ role: "user", content: [{ type: "smell" }] }]],
  temperature: ["hot", [1]],
  top_p: [-0.1, 1.1, "all"],
  max_tokens: ["many", 1.5],
  max_completion_tokens: ["many"],
  n: [0, -1, "two", 100000],
  seed: ["luck"],
  stop: [7, [7]],
  stream: ["yes"],
  stream_options: [7],
  presence_penalty: ["x"],
  frequency_penalty: ["x"],
  logit_bias: [7, { 5: "x" }, { 999999: 1 }],
  logprobs: ["x"],
  top_logprobs: [-1, 1000, "x"],
  response_format: [7, { type: "poem" }, { type: "json_schema" },
    { type: "json_schema", json_schema: { name: "x", schema: { type: "nothing" } } }],
  tools: [7, [{ type: "function" }], [{ type: "function", function: { name: 7 } }]],
  tool_choice: ["perhaps", { type: "function", function: { name: "unknown" } }],
  parallel_tool_calls: ["x"],
};
const TOOLS = [{ type: "function", function: { name: "look", parameters: { type: "object" } } }];
const NEEDS = {
  tool_choice: { tools: TOOLS }, stream_options: { stream: true }, top_logprobs: { logprobs: true },
  parallel_tool_calls: { tools: TOOLS },
};

for (const [field, values] of Object.entries(WRONG)) {
  check(`${field}: what it cannot be is a 400 that names it`, async () => {
    for (const value of values) {
      const error = await failure(OpenAI.BadRequestError, () => client.chat.completions.create({
        model: server.model, messages, max_tokens: 2, ...NEEDS[field], [field]: value,
      }));
      const said = `${JSON.stringify(value)}: ${error.message}, param ${error.param}`;
      assert.equal(error.status, 400, said);
      assert.equal(error.type, "invalid_request_error", said);
      assert.ok(String(error.param).split(/[.[]/)[0] === field, said);
      assert.ok(error.message.length > 10 && !error.message.includes("\n"), said);
    }
  });
}

check("an image is refused by a model of texts", async () => {
  const url = "data:image/png;base64,iVBORw0KGgo=";
  const error = await failure(OpenAI.BadRequestError, () => client.chat.completions.create({
    model: server.model,
    messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }],
  }));
  assert.match(error.message, /image/);
});

check("a body that is no JSON, or none, is a 400 in the same shape", async () => {
  for (const body of ["{", "", "[]", "7"]) {
    const { status, json } = await server.post("/v1/chat/completions", body);
    assert.equal(status, 400, body);
    assert.equal(json.error.type, "invalid_request_error");
    assert.equal(typeof json.error.message, "string");
  }
});

check("an unknown model is a 404 that names it", async () => {
  const asked = [
    () => client.chat.completions.create({ model: "no-such-model", messages }),
    () => client.completions.create({ model: "no-such-model", prompt: "x", max_tokens: 1 }),
    () => client.responses.create({ model: "no-such-model", input: "x" }),
    () => client.models.retrieve("no-such-model"),
  ];
  for (const run of asked) {
    const error = await failure(OpenAI.NotFoundError, run);
    assert.equal(error.status, 404);
    assert.match(error.message, /no-such-model/);
    assert.equal(error.code, "model_not_found");
  }
});

check("an unknown path is a 404, a wrong method a 405, both in the shape of errors", async () => {
  for (const [method, where, wanted] of [
    ["GET", "/v1/nothing", 404], ["POST", "/v1/nothing", 404], ["DELETE", "/v1/models", 405],
    ["GET", "/v1/chat/completions", 405],
  ]) {
    const { status, json } = await server.request(method, where);
    assert.equal(status, wanted, `${method} ${where}`);
    assert.equal(typeof json.error.message, "string");
  }
});

check("a prompt that does not fit is refused with both numbers", async () => {
  const long = [{ role: "user", content: "The dog ran to the cat. ".repeat(300) }];
  for (const stream of [false, true]) {
    const error = await failure(OpenAI.BadRequestError, () => client.chat.completions.create({
      model: server.model, messages: long, stream,
    }));
    assert.equal(error.type, "exceed_context_size_error");
    assert.equal(error.error.n_ctx, 512);
    assert.ok(error.error.n_prompt_tokens > 1500);
    assert.match(error.message, new RegExp(`${error.error.n_prompt_tokens}`));
    assert.match(error.message, /512/);
  }
});

check("an answer that fills the context ends with length", async () => {
  const { choices, usage } = await client.chat.completions.create({
    model: server.model, messages, logit_bias: { 2: -100 }, temperature: 0,
  });
  assert.equal(choices[0].finish_reason, "length");
  assert.ok(usage.total_tokens <= 512 && usage.total_tokens > 500, `${usage.total_tokens}`);
});

check("every answer and every error has a request id", async () => {
  const { _request_id: id } = await client.chat.completions.create({
    model: server.model, messages, max_tokens: 1,
  });
  assert.ok(id);
  const error = await failure(OpenAI.BadRequestError, () => client.chat.completions.create({
    model: server.model, messages: [],
  }));
  assert.ok(error.requestID);
  assert.notEqual(error.requestID, id);
});
