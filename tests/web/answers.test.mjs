// What is shown while an answer comes, and after: on the test's own server, which says exactly what
// a test needs.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, ended, parts, say } from "./browser.mjs";
import { TestServer } from "./server.mjs";

let browser, server, page;

before(async () => {
  server = await TestServer.start();
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});
beforeEach(async () => {
  page = await browser.open(server.url);
});
afterEach(async () => {
  await browser.assertClean(server.url);
  await browser.closePages();
});

async function ask(text) {
  const next = server.next();
  await say(page, text);
  return next;
}

test("an answer is shown while it comes, and its finished parts stay as they are", async () => {
  const stream = await ask("hello");
  await page.getByText("Reading…").waitFor();
  stream.say("# Title\n\nFirst para");
  await page.getByRole("heading", { name: "Title" }).waitFor();
  await page.evaluate(() => (window.kept = document.querySelector(".md h1")));
  stream.say("graph with **bo");
  await page.locator(".md strong").waitFor();
  assert.equal(await page.locator(".md p").innerText(), "First paragraph with bo");
  stream.say("ld** text.\n\n```js\nlet a = 1;\n");
  await page.locator(".code .hljs-keyword").waitFor();
  stream.say("let b = 2;\n```\n\n| a | b |\n|--");
  await page.getByText("let b = 2;").waitFor();
  assert.equal(await page.locator(".md table").count(), 0);
  assert.ok(!(await page.locator(".md").innerText()).includes("|"));
  stream.say("-|---|\n| 1 | 2 |\n");
  await page.getByRole("cell", { name: "2" }).waitFor();
  assert.ok(await page.evaluate(() => window.kept === document.querySelector(".md h1")));
  assert.equal(await parts(page).answers.first().getAttribute("aria-busy"), "true");
  stream.end();
  await ended(page);
  assert.ok(await page.evaluate(() => window.kept === document.querySelector(".md h1")));
});

test("speed is counted live as an estimate, then taken from the server", async () => {
  const stream = await ask("hello");
  for (let i = 0; i < 10; ++i) {
    stream.say(`w${i} `);
    await page.getByText(`w${i}`).waitFor();
  }
  await page
    .locator(".answer-line")
    .getByText(/≈ [\d.,]+ tokens\/s/)
    .waitFor();
  await page
    .locator(".answer-line")
    .getByText(/≈ 10 tokens/)
    .waitFor();
  stream.end({
    usage: { prompt_tokens: 1000, completion_tokens: 234 },
    timings: { predicted_per_second: 41.66 },
  });
  const line = await (await ended(page)).locator(".answer-line").innerText();
  assert.match(line, /41\.7 tokens\/s/);
  assert.match(line, /234 tokens/);
  assert.ok(!line.includes("≈"), line);
  assert.equal(await page.locator(".context").innerText(), "Context 1,234 of 4,096");
  assert.equal(
    await page.getByRole("meter", { name: "Context used" }).getAttribute("aria-valuenow"),
    "1234",
  );
});

test("what another server does not state is not stated", async () => {
  const stream = await ask("hello");
  stream.begin({}).say("hi").end({ hearth: null, timings: null, usage: null });
  const line = await (await ended(page)).locator(".answer-line").innerText();
  assert.match(line, /where it was made and what left this machine: not stated/);
  assert.match(line, /≈ 1 token\b/);
  assert.equal(await page.locator(".answer-line .kept").count(), 0);
});

test("an answer that was made elsewhere says so, with what was sent there", async () => {
  const stream = await ask("hello");
  stream
    .begin({ "x-hearth-served-by": "cloud.example" })
    .say("hi")
    .end({ hearth: { served_by: "cloud.example", bytes_sent: 1234, model: "big" } });
  const line = await (await ended(page)).locator(".answer-line").innerText();
  assert.match(line, /cloud\.example · 1,234 bytes left this machine/);
  assert.equal(await page.locator(".answer-line .kept").count(), 0);
});

test("reasoning and tool calls are folded, apart from the answer", async () => {
  const stream = await ask("what time is it?");
  stream
    .delta({ reasoning_content: "The user wants " })
    .delta({ reasoning_content: "the *time*." });
  await page.getByText("Thinking…").waitFor();
  stream.say("I will look.");
  await page.getByText("Thoughts").waitFor();
  stream.delta({
    tool_calls: [{ index: 0, id: "1", function: { name: "clock", arguments: '{"zone":' } }],
  });
  stream.delta({ tool_calls: [{ index: 0, function: { arguments: '"UTC"}' } }] });
  stream.end({ finish: "tool_calls" });
  const answer = await ended(page);
  assert.equal(await answer.getByText("The user wants").count(), 0);
  await answer.getByText("Thoughts").click();
  await answer.locator(".reasoning em").getByText("time").waitFor();
  await answer.getByText("Tool call:").click();
  assert.equal(await answer.locator(".tool pre").innerText(), '{\n  "zone": "UTC"\n}');
  const again = await ask("and now?");
  assert.deepEqual(again.body.messages[1], {
    role: "assistant",
    content: "I will look.",
    reasoning_content: "The user wants the *time*.",
  });
  again.end();
});

test("answers that reached a limit say so", async () => {
  (await ask("hello")).say("and then").end({ finish: "length" });
  assert.match(
    await (await ended(page)).innerText(),
    /reached the longest length set, or the context is full/,
  );
});

test("code and answers are copied whole", async () => {
  const text = 'Run:\n\n```sh\nls -l\necho "x"\n```\n';
  (await ask("hello")).say(text).end();
  const answer = await ended(page);
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  await answer.getByRole("button", { name: "Copy", exact: true }).click();
  await answer.getByRole("button", { name: "Copied" }).waitFor();
  assert.equal(await clipboard(), 'ls -l\necho "x"');
  await answer.getByRole("button", { name: "Copy the answer" }).click();
  await page.waitForFunction(
    async (wanted) => (await navigator.clipboard.readText()) === wanted,
    text,
  );
});

test("a long answer is followed to its end, until someone scrolls up", async () => {
  const stream = await ask("a long one");
  const atEnd = () =>
    page.evaluate(() => {
      const { scrollTop, scrollHeight, clientHeight } = document.querySelector(".scroller");
      return scrollHeight - scrollTop - clientHeight < 60;
    });
  for (let i = 0; i < 60; ++i) stream.say(`Paragraph ${i}.\n\n`);
  await page.getByText("Paragraph 59.").waitFor();
  await page.waitForFunction(() => document.querySelector(".scroller").scrollTop > 500);
  assert.ok(await atEnd());
  await page.mouse.move(700, 300);
  await page.mouse.wheel(0, -600);
  await page.getByRole("button", { name: "To the end" }).waitFor();
  const top = await page.evaluate(() => document.querySelector(".scroller").scrollTop);
  for (let i = 60; i < 80; ++i) stream.say(`Paragraph ${i}.\n\n`);
  await page.getByText("Paragraph 79.").waitFor({ state: "attached" });
  assert.equal(await page.evaluate(() => document.querySelector(".scroller").scrollTop), top);
  await page.getByRole("button", { name: "To the end" }).click();
  assert.ok(await atEnd());
  stream.end();
  await ended(page);
});

test("an answer goes on while another conversation is shown", async () => {
  const stream = await ask("first conversation");
  stream.say("begun");
  await page.getByText("begun").waitFor();
  await parts(page).sidebar.getByRole("button", { name: "New chat" }).click();
  await parts(page).sidebar.getByRole("img", { name: "Being answered" }).waitFor();
  stream.say(" and ended").end();
  await parts(page)
    .sidebar.getByRole("img", { name: "Being answered" })
    .waitFor({ state: "detached" });
  await parts(page).items.first().click();
  assert.match(await (await ended(page)).innerText(), /begun and ended/);
});

test("another tab follows an answer, and knows when its writer is gone", async () => {
  const stream = await ask("watched");
  stream.say("early ");
  await page.getByText("early").waitFor();
  const other = await browser.open(page.url());
  await other.getByText("Being written in another tab…").waitFor();
  stream.say("late");
  await other.getByText("early late").waitFor();
  await page.close();
  await other.getByText("The page was closed before the answer ended.").waitFor();
  await stream.closed;
});

test("a conversation that is deleted in another tab ends there", async () => {
  const stream = await ask("to be deleted");
  stream.say("some words");
  await page.getByText("some words").waitFor();
  const other = await browser.open(page.url());
  await other.getByRole("button", { name: "Delete “to be deleted”" }).click();
  await page.getByText("This conversation was deleted in another tab.").waitFor();
  await stream.closed;
  await other.getByRole("button", { name: "Undo" }).click();
  await other.getByRole("link", { name: "to be deleted" }).waitFor();
});

test("an answer of a hundred thousand pieces is shown whole", async () => {
  const stream = await ask("very long");
  for (let i = 0; i < 100_000; ++i) {
    stream.say(i % 50 === 49 ? "word.\n\n" : i % 1000 < 4 ? "**bold** " : "word ");
    if (i % 5000 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  stream.end();
  await ended(page);
  assert.equal(await page.locator(".md > div").count(), 2000);
});
