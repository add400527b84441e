// Texts that a model continues: on the server named by HEARTH_URL where there is one, else on the
// test's own.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, parts } from "./browser.mjs";
import { TestServer } from "./server.mjs";

const real = process.env.HEARTH_URL;
let browser, server, url, page, area, onlyTexts;

before(async () => {
  server = real ? null : await TestServer.start();
  server?.setProps({ chat_template: "" });
  url = real ?? server.url;
  onlyTexts = (await (await fetch(new URL("props", url))).json()).chat_template === "";
  browser = await Browser.start();
});
after(async () => {
  await browser?.stop();
  await server?.stop();
});
beforeEach(async () => {
  if (server) server.answer = (stream) => stream.say(" there was ").say("a fire.").end();
  page = await browser.open(url);
  area = page.getByRole("textbox", { name: "The text" });
  if (!onlyTexts)
    await parts(page).sidebar.getByRole("button", { name: "Continue a text" }).click();
  await area.waitFor();
});
afterEach(async () => {
  await browser.assertClean(url);
  await browser.closePages();
});

const button = (name) => page.getByRole("button", { name, exact: true });

async function goOn() {
  await area.press("Control+Enter");
  await button("Take back").waitFor();
}

test("a model without a chat template is said to be none for chats", async (t) => {
  if (!onlyTexts) return t.skip("the model of this server has a chat template");
  await page.getByText(/has no chat template: it continues texts/).waitFor();
  await parts(page).sidebar.getByRole("button", { name: "New chat" }).click();
  await page.getByText(/is no chat model/).waitFor();
  assert.equal(await parts(page).box.count(), 0);
  await page.locator(".no-chat").getByRole("button", { name: "Continue a text" }).click();
  await area.waitFor();
});

test("a text is continued, taken back, continued another way, and survives a reload", async () => {
  await area.fill("Once upon a time");
  await goOn();
  const first = await area.inputValue();
  assert.ok(first.startsWith("Once upon a time") && first.length > 16, first);
  assert.match(await page.locator(".answer-line").innerText(), /tokens\/s/);
  if (server) {
    assert.deepEqual(
      [server.asked.at(-1).prompt, server.asked.at(-1).max_tokens],
      ["Once upon a time", 256],
    );
    assert.match(
      await page.locator(".answer-line").innerText(),
      /this machine · 0 bytes left this machine/,
    );
  }
  await button("Another way").click();
  await page.getByText("2 / 2").waitFor();
  await button("Take back").waitFor();
  await button("Take back").click();
  await page.waitForFunction(
    () => document.querySelector("main textarea").value === "Once upon a time",
  );
  await goOn();
  const second = await area.inputValue();
  await page.reload();
  await area.waitFor();
  assert.equal(await area.inputValue(), second);
});

test("a text can be edited anywhere and goes on from what stands there", async () => {
  await area.fill("The cat");
  await goOn();
  await area.fill("The dog");
  assert.equal(await button("Take back").count(), 0);
  await goOn();
  assert.ok((await area.inputValue()).startsWith("The dog"));
  if (server) assert.equal(server.asked.at(-1).prompt, "The dog");
});

test("an edited text that was not continued survives a reload in its tab", async () => {
  await area.fill("A beginning");
  await page.reload();
  if (!onlyTexts)
    await parts(page).sidebar.getByRole("button", { name: "Continue a text" }).click();
  await area.waitFor();
  assert.equal(await area.inputValue(), "A beginning");
});

test("a continuation can be stopped, and stays", async (t) => {
  if (!server) return t.skip("a fast model may be done before anyone can stop it");
  const next = server.next();
  await area.fill("Slowly");
  await area.press("Control+Enter");
  const stream = await next;
  stream.say(" it came");
  await page.waitForFunction(
    () => document.querySelector("main textarea").value === "Slowly it came",
  );
  await page.keyboard.press("Escape");
  await button("Take back").waitFor();
  await stream.closed;
  assert.equal(await area.inputValue(), "Slowly it came");
});

test("a text that is too long is continued from its end", async (t) => {
  if (!server) return t.skip("needs a server that refuses");
  server.answer = (stream) => {
    const tokens = Math.ceil(stream.body.prompt.length / 4);
    if (tokens <= 100) return stream.say(" end.").end();
    stream.fail(400, {
      type: "exceed_context_size_error",
      n_prompt_tokens: tokens,
      n_ctx: 100,
      message: "x",
    });
  };
  await area.fill("word ".repeat(200));
  await area.press("Control+Enter");
  await page.getByText("This needs 250 tokens; the model has room for 100.").first().waitFor();
  await button("Continue from the end only").click();
  await page.waitForFunction(() => document.querySelector("main textarea").value.endsWith(" end."));
  assert.ok(server.asked.at(-1).prompt.startsWith("word "));
});
