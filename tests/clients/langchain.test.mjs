// LangChain's classes for each dialect: invoke, stream, tools, structured output, vectors.
import assert from "node:assert/strict";

import { ChatAnthropic } from "@langchain/anthropic";
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOllama, Ollama, OllamaEmbeddings } from "@langchain/ollama";
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from "@langchain/openai";
import { z } from "zod";

import { collect, failure, makeModel, serve, TOOL_FLAGS } from "./server.mjs";
import { assertArguments } from "./tools.mjs";

const { server, check } = await serve({ model: makeModel("long"), flags: TOOL_FLAGS });
const vectors = await serve({
  model: makeModel("vectors"), name: "vectors", flags: ["--embedding", "-c", "600"],
});
const HERO = z.object({ kind: z.enum(["dog", "cat", "fox"]), brave: z.boolean() });
const weather = tool(() => "sunny", {
  name: "get_weather",
  description: "How the weather will be in a city.",
  schema: z.object({
    city: z.enum(["Paris", "Oslo", "Rome"]), days: z.number().int().min(1).max(9),
  }),
});
const light = tool(() => "done", {
  name: "set_light", description: "Switches the light.", schema: z.object({ on: z.boolean() }),
});
const talk = [
  new SystemMessage("Tell of animals."), new HumanMessage("Once upon a time there was a dog."),
];

const base = { model: server.model, temperature: 0, maxRetries: 0 };
const configuration = { baseURL: `${server.url}/v1` };
const make = {
  ChatOpenAI: (more) => new ChatOpenAI({ ...base, apiKey: "none", configuration, ...more }),
  "ChatOpenAI, Responses API": (more) => new ChatOpenAI({
    ...base, apiKey: "none", configuration, useResponsesApi: true, ...more,
  }),
  ChatAnthropic: (more) => new ChatAnthropic({
    ...base, apiKey: "none", anthropicApiUrl: server.url, ...more,
  }),
  ChatOllama: ({ maxTokens, ...more } = {}) => new ChatOllama({
    ...base, baseUrl: server.url, numPredict: maxTokens, ...more,
  }),
};
const textOf = (message) => (typeof message.content === "string"
  ? message.content : message.content.map((part) => part.text ?? "").join(""));
// How each asks that a tool be called. For the Responses API ChatOpenAI sends names only, no
// "required"; ChatOllama has no such thing.
const FORCED = {
  ChatOpenAI: { tool_choice: "any", parallel_tool_calls: false },
  "ChatOpenAI, Responses API": { tool_choice: "get_weather" },
  ChatAnthropic: { tool_choice: { type: "any", disable_parallel_tool_use: true } },
};

for (const [name, create] of Object.entries(make)) {
  check(`${name}: invoke, with usage`, async () => {
    const answer = await create({ maxTokens: 16 }).invoke(talk);
    assert.ok(AIMessage.isInstance(answer));
    assert.ok(textOf(answer).length > 0);
    const usage = answer.usage_metadata;
    assert.ok(usage.input_tokens > 10);
    assert.ok(usage.output_tokens > 0 && usage.output_tokens <= 16);
    assert.equal(usage.total_tokens, usage.input_tokens + usage.output_tokens);
  });

  check(`${name}: stream is the same text in pieces`, async () => {
    const chunks = await collect(await create({ maxTokens: 16 }).stream(talk));
    assert.ok(chunks.length > 3);
    const whole = await create({ maxTokens: 16 }).invoke(talk);
    assert.equal(chunks.map(textOf).join(""), textOf(whole));
  });

  check(`${name}: withStructuredOutput gives what the schema says`, async () => {
    const options = name === "ChatAnthropic" ? {} : { method: "jsonSchema" };
    const structured = create({ maxTokens: 400 }).withStructuredOutput(HERO, {
      name: "hero", ...options,
    });
    HERO.parse(await structured.invoke(talk));
  });

  check(`${name}: a call and its result go back`, async () => {
    const calls = [{
      name: "get_weather", args: { city: "Oslo", days: 2 }, id: "call_1", type: "tool_call",
    }];
    const answer = await create({ maxTokens: 8 }).bindTools([weather, light]).invoke([
      ...talk, new AIMessage({ content: "", tool_calls: calls }),
      new ToolMessage({ content: "snow", tool_call_id: "call_1", name: "get_weather" }),
    ]);
    assert.ok(answer.usage_metadata.input_tokens > 40);
  });
}

for (const name of Object.keys(FORCED)) {
  check(`${name}: bindTools, and a call is made`, async () => {
    const model = make[name]({ maxTokens: 400 }).bindTools([weather, light], FORCED[name]);
    const answer = await model.invoke(talk);
    assert.ok(answer.tool_calls.length >= 1);
    assert.equal(answer.invalid_tool_calls?.length ?? 0, 0);
    for (const call of answer.tool_calls) assertArguments(call.name, call.args);
  });

  check(`${name}: a call in a stream`, async () => {
    const options = name === "ChatAnthropic"
      ? { tool_choice: { type: "tool", name: "set_light" } } : { tool_choice: "set_light" };
    const model = make[name]({ maxTokens: 400 }).bindTools([weather, light], options);
    const chunks = await collect(await model.stream(talk));
    const whole = chunks.reduce((sum, chunk) => sum.concat(chunk));
    assert.ok(whole.tool_calls.length >= 1);
    assert.equal(whole.tool_calls[0].name, "set_light");
    assertArguments("set_light", whole.tool_calls[0].args);
  });

  check(`${name}: withStructuredOutput by a tool`, async () => {
    const structured = make[name]({ maxTokens: 400 }).withStructuredOutput(HERO, {
      name: "hero", method: "functionCalling",
    });
    HERO.parse(await structured.invoke(talk));
  });
}

check("ChatOpenAI: n, stop, seed, logprobs and penalties are handed on", async () => {
  const several = make.ChatOpenAI({ maxTokens: 8, n: 2, temperature: 1.5 });
  assert.equal((await several.generate([talk])).generations[0].length, 2);
  const model = make.ChatOpenAI({
    maxTokens: 12, logprobs: true, topLogprobs: 2, frequencyPenalty: 0.5, presencePenalty: 0.5,
    temperature: 1.5,
  });
  const first = await model.invoke(talk, { seed: 9 });
  const second = await model.invoke(talk, { seed: 9 });
  assert.equal(textOf(first), textOf(second));
  assert.equal(first.response_metadata.logprobs.content[0].top_logprobs.length, 2);
  const whole = textOf(await make.ChatOpenAI({ maxTokens: 16 }).invoke(talk));
  const word = whole.split(" ")[2];
  const cut = await make.ChatOpenAI({ maxTokens: 16 }).invoke(talk, { stop: [word] });
  assert.equal(textOf(cut), whole.slice(0, whole.indexOf(word)));
});

check("ChatOpenAI: JSON mode", async () => {
  const model = make.ChatOpenAI({ maxTokens: 100 }).withConfig({
    response_format: { type: "json_object" },
  });
  assert.match(textOf(await model.invoke(talk)), /^\s*\{/);
});

check("ChatOpenAI: a prompt that does not fit is an error that says so", async () => {
  const long = [new HumanMessage("The dog ran to the cat. ".repeat(1500))];
  const error = await failure(Error, () => make.ChatOpenAI().invoke(long));
  assert.match(error.message, /2048/);
});

check("plain completions: OpenAI and Ollama", async () => {
  const prompt = "Once upon a time, there was a little";
  const openai = await new OpenAI({
    ...base, apiKey: "none", configuration, maxTokens: 8,
  }).invoke(prompt);
  assert.match(openai, /^ (girl|boy|dog|cat|bird|bear|rabbit|bunny)\b/);
  const ollama = await new Ollama({ ...base, baseUrl: server.url, numPredict: 8 }).invoke(prompt);
  assert.ok(ollama.length > 0);
});

check("vectors: OpenAIEmbeddings and OllamaEmbeddings are the same numbers", async () => {
  const texts = ["the cat sat on the mat", "a dog"];
  const openai = new OpenAIEmbeddings({
    model: "vectors", apiKey: "none", configuration: { baseURL: `${vectors.server.url}/v1` },
    maxRetries: 0,
  });
  const ollama = new OllamaEmbeddings({
    model: "vectors", baseUrl: vectors.server.url, maxRetries: 0,
  });
  const [a, b] = [await openai.embedDocuments(texts), await ollama.embedDocuments(texts)];
  assert.equal(a.length, 2);
  a.forEach((vector, i) => vector.forEach((x, k) => assert.ok(Math.abs(x - b[i][k]) < 1e-6)));
  const query = await openai.embedQuery(texts[1]);
  query.forEach((x, k) => assert.ok(Math.abs(x - a[1][k]) < 1e-6));
});
