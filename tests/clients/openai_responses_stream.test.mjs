// The Responses API by OpenAI's own client: the order of events, and tools.
import assert from "node:assert/strict";

import { collect, makeModel, serve, TOOL_FLAGS } from "./server.mjs";
import { assertArguments, responsesTools as tools } from "./tools.mjs";

const { server, check } = await serve({ model: makeModel("long"), flags: TOOL_FLAGS });
const client = server.openai();

function ask(more = {}) {
  return {
    model: server.model, input: "Once upon a time there was a dog.", temperature: 0,
    max_output_tokens: 400, ...more,
  };
}

const create = (more) => client.responses.create(ask(more));
const CALL = { tools, tool_choice: "required", parallel_tool_calls: false };

// Types in order, with runs of the same type as one.
function shape(events) {
  const types = events.map((event) => event.type.replace(/^response\./, ""));
  return types.filter((type, i) => type !== types[i - 1]);
}

function assertNumbered(events) {
  events.forEach((event, i) => assert.equal(event.sequence_number, i, event.type));
}

check("a text: events in order and numbered without a gap", async () => {
  const events = await collect(await create({ stream: true, max_output_tokens: 24 }));
  assertNumbered(events);
  const last = events.at(-1);
  assert.deepEqual(shape(events), [
    "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta",
    "output_text.done", "content_part.done", "output_item.done",
    last.response.status === "completed" ? "completed" : "incomplete",
  ]);
  assert.equal(events[0].response.status, "in_progress");
  assert.deepEqual(events[0].response.output, []);
  const deltas = events.filter((event) => event.type === "response.output_text.delta");
  assert.ok(deltas.length > 3, "pieces come while they are written");
  const text = deltas.map((event) => event.delta).join("");
  const of = (type) => events.find((event) => event.type === `response.${type}`);
  assert.equal(of("output_text.done").text, text);
  assert.equal(of("content_part.done").part.text, text);
  assert.equal(of("output_item.done").item.content[0].text, text);
  assert.equal(last.response.output[0].content[0].text, text);
  const id = of("output_item.added").item.id;
  for (const event of deltas) {
    assert.equal(event.item_id, id);
    assert.equal(event.output_index, 0);
    assert.equal(event.content_index, 0);
  }
  assert.ok(last.response.usage.output_tokens > 0);
  assert.equal(last.response.id, events[0].response.id);
  const whole = await create({ max_output_tokens: 24 });
  assert.equal(whole.output_text, text);
});

check("raw: each event has a name that is its type", async () => {
  const { text } = await server.post("/v1/responses", ask({ stream: true, max_output_tokens: 4 }));
  const events = text.split("\n\n").filter((event) => event.startsWith("event:"));
  assert.ok(events.length >= 8);
  for (const event of events) {
    const [, name, data] = /^event: (\S+)\ndata: (.*)$/.exec(event);
    assert.equal(JSON.parse(data).type, name);
  }
});

check("the stream helper ends with the same response, which is kept", async () => {
  const stream = client.responses.stream(ask({ max_output_tokens: 24 }));
  const final = await stream.finalResponse();
  const kept = await client.responses.retrieve(final.id);
  assert.equal(kept.output_text, final.output_text);
  assert.ok(final.output_text.length > 0);
});

check("a kept response can be streamed again, from any event on", async () => {
  const events = await collect(await create({ stream: true, max_output_tokens: 8 }));
  const { id } = events[0].response;
  const again = await collect(await client.responses.retrieve(id, { stream: true }));
  assert.deepEqual(shape(again), shape(events));
  const later = await collect(await client.responses.retrieve(
    id, { stream: true, starting_after: 3 }));
  assert.equal(later[0].sequence_number, 4);
});

check("tools: a call is an item of its own", async () => {
  const response = await create(CALL);
  assert.equal(response.status, "completed");
  const calls = response.output.filter((item) => item.type === "function_call");
  assert.equal(calls.length, 1);
  const [call] = calls;
  assert.equal(call.status, "completed");
  assert.ok(call.id && call.call_id);
  assertArguments(call.name, JSON.parse(call.arguments));
  assert.equal(response.tool_choice, "required");
  assert.equal(response.tools.length, 2);
});

check("tools: a named one, and none", async () => {
  const named = await create({ ...CALL, tool_choice: { type: "function", name: "set_light" } });
  assert.equal(named.output.find((item) => item.type === "function_call").name, "set_light");
  const none = await create({ ...CALL, tool_choice: "none", max_output_tokens: 8 });
  assert.ok(none.output.every((item) => item.type === "message"));
});

check("tools: the events of a call", async () => {
  const events = await collect(await create({ ...CALL, stream: true }));
  assertNumbered(events);
  assert.deepEqual(shape(events), [
    "created", "in_progress", "output_item.added", "function_call_arguments.delta",
    "function_call_arguments.done", "output_item.done", "completed",
  ]);
  const of = (type) => events.filter((event) => event.type === `response.${type}`);
  const deltas = of("function_call_arguments.delta");
  assert.ok(deltas.length > 1);
  const [done] = of("function_call_arguments.done");
  assert.equal(deltas.map((event) => event.delta).join(""), done.arguments);
  const [added] = of("output_item.added");
  assert.equal(added.item.type, "function_call");
  assert.equal(added.item.id, done.item_id);
  assertArguments(added.item.name, JSON.parse(done.arguments));
  const [{ item }] = of("output_item.done");
  assert.equal(item.arguments, done.arguments);
});

check("tools: the result goes back, with all items or with the id alone", async () => {
  const input = [{ role: "user", content: "How will the weather be?" }];
  const first = await create({ ...CALL, input });
  const call = first.output.find((item) => item.type === "function_call");
  const result = { type: "function_call_output", call_id: call.call_id, output: "sunny and warm" };
  const rest = { tools, tool_choice: "none", max_output_tokens: 12 };
  const whole = await create({ ...rest, input: [...input, ...first.output, result] });
  const byId = await create({ ...rest, input: [result], previous_response_id: first.id });
  assert.equal(byId.usage.input_tokens, whole.usage.input_tokens);
  assert.equal(byId.output_text, whole.output_text);
});

check("tools: a result of a call that nobody made is a 400", async () => {
  const { status, json } = await server.post("/v1/responses", ask({
    input: [{ type: "function_call_output", call_id: "call_of_nobody", output: "x" }],
  }));
  assert.equal(status, 400);
  assert.match(json.error.message, /call_of_nobody/);
});

check("reasoning items of earlier answers may be replayed", async () => {
  const response = await create({ max_output_tokens: 4, input: [
    { role: "user", content: "Hello." },
    { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "They greet." }] },
    { type: "message", role: "assistant", content: [{ type: "output_text", text: "Hello!" }] },
    { role: "user", content: "Tell of a dog." },
  ] });
  assert.ok(response.usage.output_tokens > 0);
});
