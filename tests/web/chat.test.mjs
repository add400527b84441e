// A conversation from end to end: on the server named by HEARTH_URL where there is one, else on the
// test's own.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Browser, ended, parts, say } from "./browser.mjs";
import { TestServer } from "./server.mjs";

const real = process.env.HEARTH_URL;
let browser, server, url, page, isChat;

before(async () => {
  server = real ? null : await TestServer.start();
  url = real ?? server.url;
  browser = await Browser.start();
  const props = await (await fetch(new URL("props", url))).json();
  isChat = props.chat_template !== "";
});

after(async () => {
  await browser?.stop();
  await server?.stop();
});

beforeEach(async (t) => {
  if (!isChat) return t.skip("the model of this server is none for chats");
  if (server) server.answer = (stream) => stream.say("It was ").say("**warm**.").end();
  page = await browser.open(url);
});

async function clean() {
  await browser.assertClean(url);
  await browser.closePages();
}

/** Answers that take until they are stopped, on any server. */
async function setLong() {
  if (server) {
    server.answer = async (stream) => {
      let open = true;
      void stream.closed.then(() => (open = false));
      for (let i = 0; open && i < 20_000; ++i) {
        stream.say(`word${i} `);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
  }
}

async function setSampling(values) {
  await page.getByRole("navigation").getByRole("button", { name: "Settings" }).click();
  for (const [label, value] of Object.entries(values)) {
    await page.getByLabel(label, { exact: true }).fill(value);
  }
  await page.getByRole("button", { name: "Close" }).click();
}

test("the page is served under a policy that lets nothing in or out", async () => {
  const response = await fetch(url);
  const policy = response.headers.get("content-security-policy") ?? "";
  for (const part of [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ]) {
    assert.ok(policy.split(/\s*;\s*/).includes(part), `${part} is missing in: ${policy}`);
  }
  assert.ok(!/unsafe|\*|https?:/.test(policy), policy);
  await clean();
});

test("a question is answered, and the answer says where it was made", async () => {
  await setSampling({ "Longest answer": "40" });
  await say(page, "Tell me a story about a fire.");
  const answer = await ended(page);
  assert.ok((await answer.locator(".md").innerText()).trim().length > 0);
  const line = await answer.locator(".answer-line").innerText();
  assert.match(line, /tokens\/s/);
  assert.match(line, /\d+ tokens/);
  assert.match(line, /first after \d/);
  const stated = /this machine · 0 bytes left this machine/.test(line);
  assert.ok(stated || /not stated/.test(line), line);
  if (server) assert.ok(stated, line);
  assert.match(await page.locator(".context").innerText(), /^Context [\d,]+ of [\d,]+$/);
  await clean();
});

test("an answer can be stopped with the button, and what came stays", async () => {
  await setLong();
  await setSampling({ "Longest answer": "100000" });
  await say(page, "Count to a million.");
  await parts(page).answers.locator(".md").first().waitFor();
  // A fast model may be done before anyone can press a button; then there is nothing to stop.
  await parts(page)
    .stop.click({ timeout: 5000 })
    .catch(() => {});
  const answer = await ended(page);
  if (server) {
    assert.match(await answer.innerText(), /word0[\s\S]*Stopped\./);
    const line = await answer.locator(".answer-line").innerText();
    assert.match(line, /≈ [\d.,]+ tokens\/s/, "no server counted these");
    assert.match(line, /what left this machine: not stated/);
  }
  assert.ok(await parts(page).send.isVisible());
  await clean();
});

test("an answer can be made again; both versions stay", async () => {
  await setSampling({ "Longest answer": "12", Temperature: "1.5" });
  await say(page, "Tell me a story.");
  let answer = await ended(page);
  await answer.getByRole("button", { name: "Answer again" }).click();
  await answer.getByText("2 / 2").waitFor();
  answer = await ended(page);
  const second = await answer.locator(".md").innerText();
  await answer.getByRole("button", { name: "Earlier version" }).click();
  await page.getByText("1 / 2").waitFor();
  await page.getByRole("button", { name: "Later version" }).click();
  await page.getByText("2 / 2").waitFor();
  assert.equal(await parts(page).answers.first().locator(".md").innerText(), second);
  await clean();
});

test("a message can be edited, which branches the conversation", async () => {
  await setSampling({ "Longest answer": "8" });
  await say(page, "First question");
  await ended(page);
  await say(page, "Second question");
  await ended(page, 1);
  await parts(page).mine.first().hover();
  await parts(page).mine.first().getByRole("button", { name: "Edit your message" }).click();
  const editor = page.getByRole("textbox", { name: "Edit your message" });
  await editor.fill("Another question");
  await editor.press("Enter");
  await page.getByText("2 / 2").waitFor();
  await ended(page);
  assert.equal(await parts(page).mine.count(), 1);
  assert.match(await parts(page).mine.first().innerText(), /Another question/);
  await page.getByRole("button", { name: "Earlier version" }).click();
  await parts(page).mine.nth(1).waitFor();
  assert.match(await parts(page).mine.nth(1).innerText(), /Second question/);
  await clean();
});

test("a conversation survives a reload", async () => {
  await setSampling({ "Longest answer": "20" });
  await say(page, "Please remember this.");
  const answer = await ended(page);
  const text = await answer.locator(".md").innerText();
  await page.reload();
  await parts(page).answers.first().locator(".md").waitFor();
  assert.equal(await parts(page).answers.first().locator(".md").innerText(), text);
  assert.match(await parts(page).mine.first().innerText(), /Please remember this\./);
  await clean();
});

test("what arrived of an answer survives a reload in its middle", async () => {
  let stream = null;
  if (server) {
    const next = server.next();
    await say(page, "Slowly, please.");
    stream = await next;
    // All in one go, right before the page goes: no timer of the page has stored it yet.
    stream.say("These words arrived");
    await page.getByText("These words arrived").waitFor();
    stream.say(" just before the end");
    await page.getByText("just before the end").waitFor();
  } else {
    await setSampling({ "Longest answer": "100000" });
    await say(page, "Slowly, please.");
    await parts(page).answers.locator(".md").first().waitFor();
  }
  const before = await parts(page).answers.first().locator(".md").innerText();
  await page.reload();
  await parts(page).answers.first().locator(".md").waitFor();
  const kept = await parts(page).answers.first().locator(".md").innerText();
  assert.ok(kept.startsWith(before.trim().slice(0, -1)), `${before} became ${kept}`);
  const answer = await ended(page);
  if (server) {
    assert.match(await answer.innerText(), /The page was closed before the answer ended\./);
    await answer.getByRole("button", { name: "Answer again" }).click();
    await page.getByText("2 / 2").waitFor();
    await ended(page);
  }
  await clean();
});

test("two tabs at once keep each other's conversations and messages", async () => {
  await setSampling({ "Longest answer": "8" });
  const other = await browser.open(url);
  await Promise.all([say(page, "From the first tab"), say(other, "From the second tab")]);
  await Promise.all([ended(page), ended(other)]);
  for (const tab of [page, other]) {
    const side = parts(tab).sidebar;
    await side.getByRole("link", { name: "From the first tab" }).first().waitFor();
    await side.getByRole("link", { name: "From the second tab" }).first().waitFor();
  }
  // Both in the same conversation now: each adds a branch, none is lost.
  await other.goto(page.url());
  await ended(other);
  await Promise.all([say(page, "One continues"), say(other, "Two continues")]);
  await Promise.all([ended(page, 1), ended(other, 1)]);
  await page.reload();
  await page
    .getByText(/[12] \/ 2/)
    .first()
    .waitFor();
  const seen = [await parts(page).mine.nth(1).innerText()];
  const earlier = page.getByRole("button", { name: "Earlier version" });
  await (
    (await earlier.isEnabled()) ? earlier : page.getByRole("button", { name: "Later version" })
  ).click();
  await page.waitForFunction(
    (old) => !document.querySelectorAll(".user")[1].innerText.includes(old),
    seen[0].split("\n")[0],
  );
  seen.push(await parts(page).mine.nth(1).innerText());
  assert.match(seen.sort().join(), /One continues[\s\S]*Two continues/);
  await clean();
});
