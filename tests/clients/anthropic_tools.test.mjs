// Tools and answers of a given form by Anthropic's own client.
import assert from "node:assert/strict";

import { collect, makeModel, serve, TOOL_FLAGS } from "./server.mjs";
import { anthropicTools as tools, assertArguments, WEATHER } from "./tools.mjs";

const { server, check } = await serve({ model: makeModel("long"), flags: TOOL_FLAGS });
const client = server.anthropic();
const messages = [{ role: "user", content: "How will the weather be?" }];
const ONE = { disable_parallel_tool_use: true };

const ask = (more = {}) => ({ model: server.model, max_tokens: 400, messages, tools, ...more });
const create = (more) => client.messages.create(ask(more));

function assertUses(content, count) {
  const uses = content.filter((block) => block.type === "tool_use");
  assert.equal(uses.length, count);
  for (const use of uses) {
    assert.match(use.id, /^toolu_/);
    assertArguments(use.name, use.input);
  }
  return uses;
}

check("any: a tool is used, with input that suits its schema", async () => {
  const message = await create({ tool_choice: { type: "any", ...ONE } });
  assert.equal(message.stop_reason, "tool_use");
  assertUses(message.content, 1);
});

check("tool: the named one is used", async () => {
  for (const name of ["set_light", "get_weather"]) {
    const message = await create({ tool_choice: { type: "tool", name, ...ONE } });
    assert.equal(message.stop_reason, "tool_use");
    assert.equal(assertUses(message.content, 1)[0].name, name);
  }
});

check("none: no tool is used", async () => {
  const message = await create({ tool_choice: { type: "none" }, max_tokens: 12 });
  assert.ok(message.content.every((block) => block.type === "text"));
  assert.notEqual(message.stop_reason, "tool_use");
});

check("auto: text or good calls, and the stop reason says which", async () => {
  for (const more of [{}, { tool_choice: { type: "auto" } }]) {
    const message = await create({ ...more, max_tokens: 60 });
    const uses = message.content.filter((block) => block.type === "tool_use");
    assert.equal(message.stop_reason === "tool_use", uses.length > 0);
    assertUses(message.content, uses.length);
  }
});

check("a stream: blocks with indices, input as pieces of JSON", async () => {
  const events = await collect(await create({
    stream: true, tool_choice: { type: "tool", name: "get_weather", ...ONE },
  }));
  const starts = events.filter((event) => event.type === "content_block_start");
  assert.deepEqual(starts.map((event) => event.index), starts.map((_, i) => i));
  const stops = events.filter((event) => event.type === "content_block_stop");
  assert.deepEqual(stops.map((event) => event.index), starts.map((event) => event.index));
  const { index, content_block: block } = starts.at(-1);
  assert.equal(block.type, "tool_use");
  assert.equal(block.name, "get_weather");
  assert.deepEqual(block.input, {});
  const deltas = events.filter((event) => (
    event.type === "content_block_delta" && event.index === index));
  assert.ok(deltas.length > 1);
  assert.ok(deltas.every((event) => event.delta.type === "input_json_delta"));
  const text = deltas.map((event) => event.delta.partial_json).join("");
  assertArguments("get_weather", JSON.parse(text));
  const end = events.find((event) => event.type === "message_delta");
  assert.equal(end.delta.stop_reason, "tool_use");
});

check("the stream helper parses the input", async () => {
  const stream = client.messages.stream(ask({ tool_choice: { type: "any", ...ONE } }));
  const seen = [];
  stream.on("inputJson", (piece) => seen.push(piece));
  const final = await stream.finalMessage();
  assert.ok(seen.length > 1);
  assertUses(final.content, 1);
});

check("a round trip: results as text, as blocks, and as errors", async () => {
  const { content } = await create({ tool_choice: { type: "any", ...ONE } });
  const [use] = assertUses(content, 1);
  const sizes = [];
  for (const result of [
    { content: "sunny" },
    { content: [{ type: "text", text: "sunny" }] },
    { content: "no such city", is_error: true },
    {},
  ]) {
    const talk = [...messages, { role: "assistant", content }, {
      role: "user",
      content: [
        { type: "tool_result", tool_use_id: use.id, ...result },
        { type: "text", text: "And so?" },
      ],
    }];
    const more = { messages: talk, tool_choice: { type: "none" } };
    const answer = await create({ ...more, max_tokens: 8 });
    assert.equal(answer.content[0]?.type ?? "text", "text");
    sizes.push((await client.messages.countTokens({
      model: server.model, tools, messages: talk,
    })).input_tokens);
  }
  assert.equal(sizes[0], sizes[1]);
  assert.notEqual(sizes[2], sizes[3], "the error's text reaches the prompt");
});

check("a result for a use that nobody made is refused", async () => {
  const { status, json } = await server.post("/v1/messages", ask({
    messages: [...messages, {
      role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_nobody", content: "x" }],
    }],
  }));
  assert.equal(status, 400);
  assert.match(json.error.message, /toolu_nobody/);
});

check("count_tokens counts tools", async () => {
  const count = async (more) => (await client.messages.countTokens({
    model: server.model, messages, ...more,
  })).input_tokens;
  const bare = await count();
  assert.ok(bare > 5);
  assert.ok(await count({ tools }) > bare + 50);
  assert.ok(await count({ system: "Tell of animals." }) > bare);
});

check("thinking of earlier turns may be replayed", async () => {
  const talk = [...messages, {
    role: "assistant", content: [
      { type: "thinking", thinking: "They want to know.", signature: "c2lnbmVk" },
      { type: "text", text: "Sunny." },
    ],
  }, { role: "user", content: "And tomorrow?" }];
  const message = await create({ messages: talk, max_tokens: 4, tools: undefined });
  assert.ok(message.usage.output_tokens > 0);
});

check("output_config.format: the answer is JSON that the schema allows", async () => {
  const { content, stop_reason } = await create({
    tools: undefined, output_config: { format: { type: "json_schema", schema: WEATHER } },
  });
  assert.equal(stop_reason, "end_turn");
  assertArguments("get_weather", JSON.parse(content[0].text));
});
