// Everything that can go wrong between page and server, and what people read then.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, ended, parts, say } from "./browser.mjs";
import { TestServer, sendJson } from "./server.mjs";

let browser, server, page;

before(async () => {
  browser = await Browser.start();
});
after(() => browser?.stop());
beforeEach(async () => {
  server = await TestServer.start();
});
afterEach(async () => {
  await browser.assertClean(server.url);
  await browser.closePages();
  await server.stop();
});

const open = async () => (page = await browser.open(server.url));
const failure = () => page.locator(".failure");

test("a model that loads is waited for, at the start and in a chat", async () => {
  let left = 2;
  const { models } = server;
  server.models = (response) =>
    left-- > 0
      ? sendJson(response, 503, { error: { message: "Loading model" } }, { "retry-after": "1" })
      : models(response);
  await open();
  await page.getByText("The model is still loading. Asking again…").waitFor();
  await page.getByText("fake-model").first().waitFor();
  assert.equal(await page.getByText("The model is still loading").count(), 0);
  let refusals = 1;
  server.answer = (stream) =>
    refusals-- > 0
      ? stream.fail(503, { message: "Loading model" }, { "retry-after": "2" })
      : stream.say("Here I am.").end();
  await say(page, "hello");
  await page.getByText(/The model is still loading\. Asking again in [12] s\./).waitFor();
  assert.match(await (await ended(page)).innerText(), /Here I am\./);
  assert.equal(server.asked.length, 2);
});

test("a busy server is asked again, and waiting can be stopped", async () => {
  await open();
  let refusals = 1;
  server.answer = (stream) =>
    refusals-- > 0
      ? stream.fail(429, { message: "too many requests" }, { "retry-after": "1" })
      : stream.say("Done.").end();
  await say(page, "hello");
  await page.getByText(/The server is busy\. Asking again/).waitFor();
  assert.match(await (await ended(page)).innerText(), /Done\./);
  server.answer = (stream) => stream.fail(429, { message: "too many" }, { "retry-after": "100" });
  await say(page, "again");
  await page.getByText(/Asking again in (100|9\d) s/).waitFor();
  await page.keyboard.press("Escape");
  assert.match(await (await ended(page, 1)).innerText(), /Stopped\./);
});

test("a full context is told with both numbers, and the oldest turns can be left out", async () => {
  await open();
  const room = 400;
  server.answer = (stream) => {
    const tokens = stream.body.messages.reduce(
      (sum, one) => sum + Math.ceil(one.content.length / 2),
      0,
    );
    if (tokens <= room) return stream.say("short answer").end();
    stream.fail(400, {
      code: 400,
      message: "too long",
      type: "exceed_context_size_error",
      n_prompt_tokens: tokens,
      n_ctx: room,
    });
  };
  for (let i = 0; i < 3; ++i) {
    await say(page, `question ${i} ${"x".repeat(230)}`);
    await ended(page, i);
  }
  await say(page, `last ${"x".repeat(230)}`);
  await failure()
    .getByText(/This needs \d+ tokens; the model has room for 400\./)
    .waitFor();
  await page.getByRole("button", { name: "Leave out the oldest turns" }).click();
  const answer = page
    .getByRole("article", { name: "Answer" })
    .filter({ hasText: "short answer" })
    .nth(3);
  await answer.getByRole("button", { name: "Answer again" }).waitFor();
  const sent = server.asked.at(-1).messages;
  assert.match(sent.at(-1).content, /^last/);
  assert.ok(
    sent.length < 7 && sent[0].role === "user",
    JSON.stringify(sent.map((one) => one.role)),
  );
  await page.getByText("What is above is no longer sent").waitFor();
  await page.reload();
  await page.getByText("What is above is no longer sent").waitFor();
});

test("a single message that is too long cannot be helped, and that is said", async () => {
  await open();
  server.answer = (stream) =>
    stream.fail(400, {
      type: "exceed_context_size_error",
      n_prompt_tokens: 9000,
      n_ctx: 400,
      message: "x",
    });
  await say(page, "y".repeat(3000));
  await failure().getByText("This needs 9,000 tokens; the model has room for 400.").waitFor();
  await page.getByRole("button", { name: "Leave out the oldest turns" }).click();
  await page.getByText("The last message alone is too long.").waitFor();
});

test("a server with a key gets it, and it is kept for the tab only", async () => {
  const guard = (plain) => (response, request) =>
    request.headers.authorization === "Bearer right"
      ? plain(response)
      : sendJson(response, 401, { error: { message: "Invalid API Key" } });
  server.models = guard(server.models);
  server.props = guard(server.props);
  await open();
  const dialog = page.getByRole("dialog", { name: "API key" });
  await dialog.waitFor();
  await dialog.getByLabel("Key").fill("wrong");
  await dialog.getByLabel("Key").press("Enter");
  await dialog.getByText("The server did not accept the key.").waitFor();
  await dialog.getByLabel("Key").fill("right");
  await dialog.getByRole("button", { name: "Use this key" }).click();
  await page.getByText("fake-model").first().waitFor();
  let header = null;
  server.answer = (stream) => {
    header = stream.headers.authorization;
    stream.say("In.").end();
  };
  await say(page, "hello");
  await ended(page);
  assert.equal(header, "Bearer right");
  await page.reload();
  await page.getByText("fake-model").first().waitFor();
  assert.equal(await dialog.count(), 0);
  const stored = await page.evaluate(() => JSON.stringify({ ...localStorage }));
  assert.ok(!stored.includes("right"), "the key is in storage that outlives the tab");
  server.answer = (stream) => stream.fail(401, { message: "Invalid API Key" });
  await say(page, "again");
  await failure().getByText("The server wants an API key.").waitFor();
});

test("a server that is gone is told, asked again, and found when it is back", async () => {
  await open();
  await say(page, "hello");
  await ended(page);
  const port = Number(new URL(server.url).port);
  await server.stop();
  await say(page, "are you there?");
  await failure()
    .getByText("The server cannot be reached. Is hearth serve still running?")
    .waitFor();
  await page.locator(".banner").getByText("The server cannot be reached.").waitFor();
  server = await TestServer.start(null, port);
  await page.getByRole("button", { name: "Ask now" }).click();
  await page.locator(".banner").waitFor({ state: "detached" });
  await failure().getByRole("button", { name: "Try again" }).click();
  await page.getByText("2 / 2").waitFor();
  await ended(page, 1);
});

test("a connection that breaks keeps what came and can be tried again", async () => {
  await open();
  const next = server.next();
  await say(page, "hello");
  const stream = await next;
  stream.say("half an ans");
  await page.getByText("half an ans").waitFor();
  stream.break();
  await failure().getByText("The connection ended before the answer did.").waitFor();
  assert.match(await parts(page).answers.first().innerText(), /half an ans/);
  await failure().getByRole("button", { name: "Try again" }).click();
  await page.getByText("2 / 2").waitFor();
});

test("errors inside of a stream, refusals and nonsense are told in one line", async () => {
  await open();
  const cases = [
    [
      (s) =>
        s
          .say("a")
          .event({ error: { code: 500, message: "out of memory" } })
          .response.end(),
      "The server failed while it answered: out of memory",
    ],
    [
      (s) => s.fail(400, { message: "temperature\nis too hot" }),
      "The server refused (400): temperature is too hot",
    ],
    [
      (s) => s.response.writeHead(502).end("<html>bad gateway</html>"),
      "The server refused (502): <html>bad gateway</html>",
    ],
    [
      (s) => s.raw("data: {nonsense\n\n").response.end(),
      "The server failed while it answered: it sent something that is no JSON",
    ],
    [(s) => s.begin().response.end(), "The connection ended before the answer did."],
    [(s) => s.fail(500, {}), "The server refused (500): it did not say why"],
  ];
  for (const [i, [answer, text]] of cases.entries()) {
    server.answer = answer;
    await say(page, `case ${i}`);
    await failure().nth(i).getByText(text).waitFor();
    await ended(page, i);
  }
});

test("a redirect is not followed: it could lead away with the conversation", async () => {
  await open();
  server.answer = (s) => s.response.writeHead(307, { location: "http://evil.example/" }).end();
  await say(page, "secret");
  await failure().waitFor();
  assert.ok(!browser.requests.some((one) => one.includes("evil.example")));
});

test("a server without /props still chats", async () => {
  server.props = (response) => sendJson(response, 404, { error: { message: "not found" } });
  await open();
  await say(page, "hello");
  assert.match(await (await ended(page)).innerText(), /Hello\./);
});
