// Reasoning of a model that marks it with <think>, apart from its answer. A grammar makes the
// bundled model, which knows no such marks, write them.
import assert from "node:assert/strict";

import { collect, makeModel, serve, TOOL_FLAGS } from "./server.mjs";

const { server, check } = await serve({ model: makeModel("long"), flags: TOOL_FLAGS });
const client = server.openai();
const GRAMMAR = 'root ::= "<think>" [a-z]{8,12} "</think>" "yes " [0-9]{4}';

function create(more = {}) {
  return client.chat.completions.create({
    model: server.model, messages: [{ role: "user", content: "Is water wet?" }], max_tokens: 100,
    temperature: 1, seed: 3, grammar: GRAMMAR, ...more,
  });
}

check("chat: reasoning_content and content", async () => {
  const { choices: [{ message, finish_reason }], usage } = await create();
  assert.match(message.reasoning_content, /^[a-z]{8,12}$/);
  assert.match(message.content, /^yes \d{4}$/);
  assert.equal(finish_reason, "stop");
  const { reasoning_tokens: tokens } = usage.completion_tokens_details;
  assert.ok(tokens > 0 && tokens < usage.completion_tokens);
});

check("chat: in a stream reasoning comes first, both in pieces", async () => {
  const { choices: [{ message }] } = await create();
  const deltas = (await collect(await create({ stream: true }))).map((one) => one.choices[0].delta);
  const kinds = deltas.map((delta) => (
    delta.reasoning_content ? "reasoning" : delta.content ? "content" : "")).filter(Boolean);
  assert.ok(kinds.filter((kind) => kind === "reasoning").length > 1);
  assert.equal(kinds.indexOf("content"), kinds.lastIndexOf("reasoning") + 1);
  const join = (name) => deltas.map((delta) => delta[name] ?? "").join("");
  assert.equal(join("reasoning_content"), message.reasoning_content);
  assert.equal(join("content"), message.content);
});

check("reasoning_format: none leaves it as it was written, others take it apart", async () => {
  const { choices: [{ message: raw }] } = await create({ reasoning_format: "none" });
  assert.match(raw.content, /^<think>[a-z]{8,12}<\/think>yes \d{4}$/);
  assert.ok(!raw.reasoning_content);
  for (const reasoning_format of ["auto", "deepseek"]) {
    const { choices: [{ message }] } = await create({ reasoning_format });
    assert.equal(`<think>${message.reasoning_content}</think>${message.content}`, raw.content);
  }
});

check("the reasoning of earlier turns may be sent back", async () => {
  const { usage } = await create({
    grammar: undefined, max_tokens: 2, messages: [
      { role: "user", content: "Is water wet?" },
      { role: "assistant", reasoning_content: "It flows.", content: "Yes." },
      { role: "user", content: "And ice?" },
    ],
  });
  assert.ok(usage.prompt_tokens > 20);
});
