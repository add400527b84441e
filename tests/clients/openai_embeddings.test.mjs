// Vectors of texts and scores of pairs, by OpenAI's client and by what others send.
import assert from "node:assert/strict";

import OpenAI from "openai";

import { failure, makeModel, serve } from "./server.mjs";

const WIDTH = 64;
const ROOM = 600; // positions of the model
const { server, check } = await serve({
  model: makeModel("vectors"), name: "vectors", flags: ["--embedding", "-c", "600"],
});
const scorer = await serve({
  model: makeModel("scores"), name: "scores", flags: ["--reranking", "-c", "600"],
});
const client = server.openai();
const TEXTS = ["the cat sat on the mat", "a dog", "how do plants eat light and water"];

const create = (more) => client.embeddings.create({ model: server.model, input: TEXTS, ...more });
const vectorsOf = async (more) => (await create(more)).data.map((one) => Array.from(one.embedding));
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0);

function assertClose(got, want, limit = 1e-6) {
  assert.equal(got.length, want.length);
  got.forEach((x, i) => assert.ok(Math.abs(x - want[i]) < limit, `${x} is not ${want[i]}`));
}

check("vectors in order, of length one, with usage", async () => {
  const answer = await create({ encoding_format: "float" });
  assert.equal(answer.object, "list");
  assert.equal(answer.model, server.model);
  assert.deepEqual(answer.data.map((one) => one.index), [0, 1, 2]);
  for (const { object, embedding } of answer.data) {
    assert.equal(object, "embedding");
    assert.equal(embedding.length, WIDTH);
    assert.ok(Math.abs(dot(embedding, embedding) - 1) < 1e-5);
  }
  // Each text is between [CLS] and [SEP].
  const tokens = TEXTS.reduce((sum, text) => sum + text.split(" ").length + 2, 0);
  assert.equal(answer.usage.prompt_tokens, tokens);
  assert.equal(answer.usage.total_tokens, tokens);
});

check("base64, which the client asks for by itself, is the same numbers", async () => {
  const floats = await vectorsOf({ encoding_format: "float" });
  const decoded = await vectorsOf();
  floats.forEach((vector, i) => assertClose(decoded[i], vector, 1e-7));
  const { json } = await server.post("/v1/embeddings", {
    model: server.model, input: TEXTS[0], encoding_format: "base64",
  });
  assert.equal(typeof json.data[0].embedding, "string");
  assert.equal(Buffer.from(json.data[0].embedding, "base64").length, 4 * WIDTH);
});

check("what stands beside a text changes nothing", async () => {
  const together = await vectorsOf();
  for (const [i, input] of TEXTS.entries()) {
    assert.equal(String((await vectorsOf({ input }))[0]), String(together[i]));
  }
  assert.ok(dot(together[0], together[1]) < 0.9999, "texts differ");
});

check("tokens may be given for text", async () => {
  const { json } = await server.post("/tokenize", { content: TEXTS[1], add_special: true });
  const [wanted] = await vectorsOf({ input: TEXTS[1] });
  assertClose((await vectorsOf({ input: json.tokens }))[0], wanted);
  assertClose((await vectorsOf({ input: [json.tokens] }))[0], wanted);
});

check("dimensions: the first of them, of length one again", async () => {
  const [whole] = await vectorsOf({ input: TEXTS[0] });
  const [short] = await vectorsOf({ input: TEXTS[0], dimensions: 16 });
  const head = whole.slice(0, 16);
  const length = Math.sqrt(dot(head, head));
  assertClose(short, head.map((x) => x / length), 1e-5);
});

check("what cannot be is a 400 that names the field", async () => {
  for (const [param, value] of [
    ["input", undefined], ["input", 7], ["input", []], ["input", [[]]], ["input", ""],
    ["encoding_format", "hex"], ["dimensions", 0], ["dimensions", WIDTH + 1], ["dimensions", "x"],
  ]) {
    const error = await failure(OpenAI.BadRequestError, () => create({ [param]: value }));
    assert.match(String(error.param), new RegExp(`^${param}`), error.message);
  }
});

check("a text that does not fit is refused with both numbers", async () => {
  const error = await failure(OpenAI.BadRequestError, () => create({ input: "the ".repeat(700) }));
  assert.match(error.message, /702/);
  assert.match(error.message, new RegExp(`${ROOM}`));
});

check("a model of vectors writes no text and says so", async () => {
  const error = await failure(OpenAI.APIError, () => client.chat.completions.create({
    model: server.model, messages: [{ role: "user", content: "the cat" }],
  }));
  assert.ok(error.status >= 400 && error.status < 500 || error.status === 501, `${error.status}`);
});

check("rerank: best first, with index and score", async () => {
  const query = "how do plants eat";
  const ask = async (more) => (await scorer.server.post("/v1/rerank", {
    model: "scores", query, documents: TEXTS, ...more,
  })).json;
  const answer = await ask();
  assert.equal(answer.results.length, 3);
  const scores = answer.results.map((one) => one.relevance_score);
  assert.deepEqual(scores, scores.toSorted((a, b) => b - a));
  assert.deepEqual(answer.results.map((one) => one.index).sort(), [0, 1, 2]);
  assert.ok(answer.usage.prompt_tokens > 20);
  const turned = await ask({ documents: TEXTS.toReversed() });
  assert.deepEqual(turned.results.map((one) => 2 - one.index),
    answer.results.map((one) => one.index));
  const [best] = answer.results;
  const top = await ask({ top_n: 1 });
  assert.deepEqual(top.results.map((one) => one.index), [best.index]);
  const alone = await ask({ documents: [TEXTS[best.index]] });
  assert.ok(Math.abs(alone.results[0].relevance_score - best.relevance_score) < 1e-6);
});

check("rerank: what cannot be is a 400", async () => {
  for (const body of [{ query: "a" }, { documents: TEXTS }, { query: 7, documents: TEXTS },
    { query: "a", documents: [] }, { query: "a", documents: [7] }]) {
    const { status, json } = await scorer.server.post("/v1/rerank", { model: "scores", ...body });
    assert.equal(status, 400, JSON.stringify(body));
    assert.match(json.error.param, /^(query|documents)$/);
  }
});
