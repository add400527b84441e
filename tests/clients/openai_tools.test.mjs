// Tools by OpenAI's own client. The bundled model knows none, so a grammar must make it call them.
import assert from "node:assert/strict";

import { zodFunction } from "openai/helpers/zod";
import { z } from "zod";

import { collect, makeModel, serve, TOOL_FLAGS } from "./server.mjs";
import { assertArguments, openaiTools as tools } from "./tools.mjs";

const model = makeModel("long");
const { server, check } = await serve({ model, flags: TOOL_FLAGS });
const client = server.openai();
const messages = [{ role: "user", content: "How will the weather be?" }];

function ask(more = {}) {
  return {
    model: server.model, messages, tools, temperature: 0.8, seed: 7, max_tokens: 400, ...more,
  };
}

const create = (more) => client.chat.completions.create(ask(more));
const named = (name) => ({ type: "function", function: { name } });

function assertCalls(message, count) {
  assert.equal(message.tool_calls.length, count);
  for (const call of message.tool_calls) {
    assert.equal(call.type, "function");
    assert.ok(call.id.length > 3);
    assertArguments(call.function.name, JSON.parse(call.function.arguments));
  }
  assert.equal(new Set(message.tool_calls.map((call) => call.id)).size, count, "ids are unique");
}

check("required: there is a call whose arguments suit the schema", async () => {
  for (const seed of [1, 2, 3]) {
    const { choices: [{ message, finish_reason }] } = await create({
      tool_choice: "required", parallel_tool_calls: false, seed,
    });
    assert.equal(finish_reason, "tool_calls");
    assertCalls(message, 1);
    assert.ok(!message.content, `no text beside it: ${message.content}`);
  }
});

check("a named tool is the one that is called", async () => {
  for (const name of ["set_light", "get_weather"]) {
    const { choices: [{ message, finish_reason }] } = await create({ tool_choice: named(name) });
    assertCalls(message, 1);
    assert.equal(message.tool_calls[0].function.name, name);
    assert.match(finish_reason, /^(tool_calls|stop)$/); // OpenAI says stop where it was named
  }
});

check("a template that knows no tools: calls are made all the same", async () => {
  const plain = await serve({ model, flags: ["-c", "8192", "--chat-template", "chatml"] });
  for (const tool_choice of ["required", named("set_light")]) {
    const { choices: [{ message }] } = await plain.server.openai().chat.completions.create(ask({
      tool_choice, parallel_tool_calls: false,
    }));
    assertCalls(message, 1);
  }
});

check("none: there is text and no call", async () => {
  const { choices: [{ message, finish_reason }] } = await create({
    tool_choice: "none", max_tokens: 16, logit_bias: { 2: -100 },
  });
  assert.ok(!message.tool_calls?.length);
  assert.ok(message.content.length > 0);
  assert.equal(finish_reason, "length");
});

check("auto: there is text or a good call, and the finish reason says which", async () => {
  for (const more of [{}, { tool_choice: "auto" }]) {
    const { choices: [{ message, finish_reason }] } = await create({ max_tokens: 60, ...more });
    if (message.tool_calls?.length) {
      assertCalls(message, message.tool_calls.length);
      assert.equal(finish_reason, "tool_calls");
    } else {
      assert.ok(["stop", "length"].includes(finish_reason));
      assert.equal(typeof message.content, "string");
    }
  }
});

check("parallel calls: several may come, each with an id of its own", async () => {
  const { choices: [{ message }] } = await create({
    tool_choice: "required", parallel_tool_calls: true,
  });
  assert.ok(message.tool_calls.length >= 1);
  for (const call of message.tool_calls.slice(0, -1)) { // the last may be cut by max_tokens
    assertArguments(call.function.name, JSON.parse(call.function.arguments));
  }
  assert.equal(new Set(message.tool_calls.map((call) => call.id)).size, message.tool_calls.length);
});

check("streamed: index, id, name first, then the arguments in pieces", async () => {
  const more = { tool_choice: "required", parallel_tool_calls: false };
  const whole = (await create(more)).choices[0].message.tool_calls[0].function;
  const chunks = await collect(await create({ ...more, stream: true }));
  const deltas = chunks.map((chunk) => chunk.choices[0].delta);
  assert.equal(deltas[0].role, "assistant");
  assert.ok(deltas.slice(1).every((delta) => delta.role === undefined), "the role comes once");
  const calls = deltas.flatMap((delta) => delta.tool_calls ?? []);
  const [first, ...rest] = calls;
  assert.equal(first.index, 0);
  assert.equal(first.type, "function");
  assert.ok(first.id);
  assert.equal(first.function.name, whole.name);
  assert.ok(rest.length > 1, "arguments come while they are written");
  for (const call of rest) {
    assert.equal(call.index, 0);
    assert.ok(!call.id || call.id === first.id);
    assert.ok(!call.function.name);
  }
  const text = calls.map((call) => call.function.arguments ?? "").join("");
  assert.deepEqual(JSON.parse(text), JSON.parse(whole.arguments));
  assert.equal(chunks.at(-1).choices[0].finish_reason, "tool_calls");
  assert.ok(deltas.every((delta) => !delta.content));
});

check("the stream helper tells of arguments as they come and when they are done", async () => {
  const stream = client.chat.completions.stream(ask({ tool_choice: named("get_weather") }));
  const seen = { deltas: 0, done: [] };
  stream.on("tool_calls.function.arguments.delta", () => { seen.deltas += 1; });
  stream.on("tool_calls.function.arguments.done", (call) => seen.done.push(call));
  const { choices: [{ message }] } = await stream.finalChatCompletion();
  assert.ok(seen.deltas > 1);
  assert.equal(seen.done.length, 1);
  assert.equal(seen.done[0].name, "get_weather");
  assert.deepEqual(JSON.parse(seen.done[0].arguments),
    JSON.parse(message.tool_calls[0].function.arguments));
});

check("a round trip: the call and its result go back and an answer follows", async () => {
  const { choices: [{ message }] } = await create({ tool_choice: named("get_weather") });
  const [call] = message.tool_calls;
  const talk = [...messages, message, { role: "tool", tool_call_id: call.id, content: "sunny" }];
  const answer = await create({
    messages: talk, tool_choice: "none", max_tokens: 8, logit_bias: { 2: -100 },
  });
  assert.ok(answer.choices[0].message.content.length > 0);
  const { json } = await server.post("/apply-template", { messages: talk, tools });
  assert.match(json.prompt, /sunny/);
});

check("runTools calls the function with parsed arguments", async () => {
  const seen = [];
  const { function: definition } = tools[0];
  const runner = client.chat.completions.runTools(ask({
    tool_choice: named("get_weather"),
    tools: [{
      type: "function",
      function: {
        ...definition, parse: JSON.parse, function: (input) => { seen.push(input); return "rain"; },
      },
    }],
  }));
  await runner.done();
  assert.equal(seen.length, 1);
  assertArguments("get_weather", seen[0]);
  assert.equal(await runner.finalFunctionToolCallResult(), "rain");
});

check("zodFunction and parse: arguments arrive parsed", async () => {
  const parameters = z.object({ colour: z.enum(["red", "green"]), bright: z.boolean() });
  const { choices: [{ message }] } = await client.chat.completions.parse(ask({
    tools: [zodFunction({ name: "paint", parameters })],
    tool_choice: "required",
    parallel_tool_calls: false,
  }));
  assert.equal(message.tool_calls[0].function.name, "paint");
  parameters.parse(message.tool_calls[0].function.parsed_arguments);
});

check("what a tool is and means reaches the prompt", async () => {
  const { usage: without } = await create({ tools: undefined, max_tokens: 1 });
  const { usage: none } = await create({ tool_choice: "none", max_tokens: 1 });
  const { usage: auto } = await create({ max_tokens: 1 });
  assert.ok(auto.prompt_tokens > without.prompt_tokens);
  assert.ok(none.prompt_tokens >= without.prompt_tokens);
});

check("tools of other kinds are refused by name", async () => {
  const { status, json } = await server.post("/v1/chat/completions", ask({
    tools: [{ type: "custom", custom: { name: "free" } }],
  }));
  assert.equal(status, 400);
  assert.match(json.error.param, /^tools/);
});
