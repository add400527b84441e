// Models, keys, and what browsers ask before they ask.
import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

import { collect, failure, serve, USUAL } from "./server.mjs";

const { server, check } = await serve();
const locked = await serve({ flags: [...USUAL, "--api-key", "secret"] });

check("the list has the model by its alias", async () => {
  const models = await collect(server.openai().models.list());
  assert.equal(models.length, 1);
  const [model] = models;
  assert.equal(model.id, server.model);
  assert.equal(model.object, "model");
  assert.ok(Number.isInteger(model.created));
  assert.equal(typeof model.owned_by, "string");
});

check("a model can be asked for by name", async () => {
  const model = await server.openai().models.retrieve(server.model);
  assert.equal(model.id, server.model);
  assert.equal(model.object, "model");
});

check("answers name no model that was not asked for, and none need be named", async () => {
  const { status, json } = await server.post("/v1/chat/completions", {
    messages: [{ role: "user", content: "Hello" }], max_tokens: 1,
  });
  assert.equal(status, 200);
  assert.equal(json.model, server.model);
});

locked.check("without the key, or with a wrong one, there is a 401", async () => {
  const tried = [
    () => locked.server.openai({ apiKey: "wrong" }).models.list(),
    () => locked.server.openai().chat.completions.create({ model: "stories", messages: [] }),
    () => locked.server.openai().responses.create({ model: "stories", input: "x" }),
  ];
  for (const run of tried) {
    const error = await failure(OpenAI.AuthenticationError, run);
    assert.equal(error.status, 401);
    assert.equal(error.type, "authentication_error");
    assert.ok(!error.message.includes("secret"));
  }
  const error = await failure(Anthropic.AuthenticationError, () => (
    locked.server.anthropic({ apiKey: "wrong" }).messages.create({
      model: "stories", max_tokens: 1, messages: [{ role: "user", content: "x" }],
    })));
  assert.equal(error.error.type, "error");
  assert.equal(error.error.error.type, "authentication_error");
  const ollama = await failure(Error, () => locked.server.ollama().list());
  assert.equal(ollama.status_code, 401);
});

locked.check("with the key all is open", async () => {
  const key = { apiKey: "secret" };
  assert.equal((await locked.server.openai(key).models.list()).data.length, 1);
  const headers = { authorization: "Bearer secret" };
  assert.equal((await locked.server.ollama({ headers }).list()).models.length, 1);
  const { content } = await locked.server.anthropic(key).messages.create({
    model: "stories", max_tokens: 4, messages: [{ role: "user", content: "Once" }],
  });
  assert.equal(content[0].type, "text");
});

locked.check("health needs no key", async () => {
  assert.equal((await locked.server.get("/health")).status, 200);
});

check("browsers may send what the clients send, from this machine", async () => {
  const origin = "http://localhost:5173";
  const wanted = ["authorization", "content-type", "x-api-key", "anthropic-version",
    "x-stainless-lang", "x-stainless-retry-count"];
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: "OPTIONS",
    headers: {
      origin,
      "access-control-request-method": "POST",
      "access-control-request-headers": wanted.join(", "),
    },
  });
  assert.ok(answer.ok, `status ${answer.status}`);
  assert.ok(["*", origin].includes(answer.headers.get("access-control-allow-origin")));
  const allowed = answer.headers.get("access-control-allow-headers").toLowerCase();
  for (const name of wanted) assert.ok(allowed === "*" || allowed.includes(name), name);
});
