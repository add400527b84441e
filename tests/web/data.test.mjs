// Conversations as things that one keeps: titles, search, files, settings.

import assert from "node:assert/strict";
import { readFile, writeFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, ended, parts, say } from "./browser.mjs";
import { TestServer } from "./server.mjs";

let browser, server, page, side;

before(async () => {
  server = await TestServer.start();
});
after(() => server?.stop());
beforeEach(async () => {
  browser = await Browser.start([], { acceptDownloads: true });
  page = await browser.open(server.url);
  ({ sidebar: side } = parts(page));
});
afterEach(async () => {
  await browser.assertClean(server.url);
  await browser.stop();
});

async function talk(...questions) {
  for (const question of questions) {
    await side.getByRole("button", { name: "New chat" }).click();
    await say(page, question);
    await ended(page);
  }
}

const titles = () => side.locator(".item-title").allInnerTexts();
const settings = () => side.getByRole("button", { name: "Settings" }).click();
const close = () => page.getByRole("button", { name: "Close" }).click();

test("conversations are renamed, deleted, and brought back", async () => {
  await talk("About bread", "About tea");
  assert.deepEqual(await titles(), ["About tea", "About bread"]);
  await side.getByRole("link", { name: "About bread" }).hover();
  await side.getByRole("button", { name: "Rename “About bread”" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("Sourdough");
  await page.keyboard.press("Enter");
  await side.getByRole("link", { name: "Sourdough" }).waitFor();
  await side.getByRole("button", { name: "Rename “About tea”" }).click();
  await page.getByRole("textbox", { name: "Title" }).fill("never mind");
  await page.keyboard.press("Escape");
  await side.getByRole("button", { name: "Delete “About tea”" }).click();
  await side.getByRole("link", { name: "About tea" }).waitFor({ state: "detached" });
  assert.equal(await parts(page).answers.count(), 0);
  await page.getByRole("button", { name: "Undo" }).click();
  await ended(page);
  await page.reload();
  await parts(page).items.nth(1).waitFor();
  assert.deepEqual((await titles()).sort(), ["About tea", "Sourdough"]);
});

test("search finds words in titles and messages", async () => {
  server.answer = (stream) =>
    stream
      .say(
        stream.body.messages.at(-1).content.includes("bread")
          ? "Use lukewarm water."
          : "Let it draw.",
      )
      .end();
  await talk("About bread", "About tea");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("LUKEWARM");
  await side.getByText("Use lukewarm water.").waitFor();
  assert.deepEqual(await titles(), ["About bread"]);
  await page.keyboard.press("Control+a");
  await page.keyboard.type("about draw");
  await page.waitForFunction(
    () => document.querySelector(".item-title")?.textContent === "About tea",
  );
  await page.keyboard.press("Control+a");
  await page.keyboard.type("nowhere");
  await side.getByText("Nothing found.").waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.press("Delete");
  await side.getByText("About bread").waitFor();
});

test("what is exported can be imported in another browser", async () => {
  await talk("About bread", "About <b>tea</b> & “milk”");
  await settings();
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export all" }).click();
  const file = join(tmpdir(), `hearth-web-export-${process.pid}.json`);
  await (await download).saveAs(file);
  const written = JSON.parse(await readFile(file, "utf8"));
  assert.equal(written.format, "hearth-conversations");
  assert.equal(written.conversations.length, 2);
  await browser.assertClean(server.url);
  await browser.stop();

  browser = await Browser.start();
  page = await browser.open(server.url);
  ({ sidebar: side } = parts(page));
  const give = async (path) => {
    await settings();
    await page.getByLabel("File with conversations").setInputFiles(path);
  };
  await give(file);
  await page.getByText("2 conversations were imported.").waitFor();
  assert.deepEqual((await titles()).sort(), ["About <b>tea</b> & “milk”", "About bread"]);
  await give(file);
  await parts(page).items.nth(1).waitFor();
  assert.equal(await parts(page).items.count(), 2, "importing twice makes no copies");
  await side.getByRole("link", { name: "About bread" }).click();
  assert.match(await (await ended(page)).innerText(), /Hello\.|lukewarm|draw/);
  written.conversations[0].messages[0].role = "system";
  await writeFile(file, JSON.stringify(written));
  await give(file);
  await page
    .getByText(/was not imported: conversations\[0\]\.messages\[0\]\.role is neither/)
    .waitFor();
  await rm(file);
});

test("sampling settings and the system prompt are sent, and kept", async () => {
  await settings();
  assert.equal(await page.getByLabel("Temperature").getAttribute("placeholder"), "0.8");
  assert.equal(await page.getByLabel("Longest answer").getAttribute("placeholder"), "no limit");
  const values = {
    Temperature: "0.25",
    "Top p": "0.9",
    "Top k": "20",
    "Min p": "0.1",
    "Repeat penalty": "1.1",
    "Longest answer": "77",
    Seed: "5",
  };
  for (const [label, value] of Object.entries(values))
    await page.getByLabel(label, { exact: true }).fill(value);
  await page.getByLabel("System prompt of this conversation").fill("Answer in French.");
  await page.getByLabel("Begin new conversations with it").check();
  await close();
  await say(page, "hello");
  await ended(page);
  const { messages, stream, stream_options: options, model, ...sampling } = server.asked.at(-1);
  assert.deepEqual(messages, [
    { role: "system", content: "Answer in French." },
    { role: "user", content: "hello" },
  ]);
  assert.deepEqual([stream, options, model], [true, { include_usage: true }, "fake-model"]);
  assert.deepEqual(sampling, {
    temperature: 0.25,
    top_p: 0.9,
    top_k: 20,
    min_p: 0.1,
    repeat_penalty: 1.1,
    max_tokens: 77,
    seed: 5,
  });
  await page.reload();
  await talk("again");
  assert.equal(server.asked.at(-1).temperature, 0.25);
  assert.equal(server.asked.at(-1).messages[0].content, "Answer in French.");
  await settings();
  await page.getByLabel("Top p").fill("7");
  await page.getByLabel("Top k").fill("");
  await page.getByLabel("Top k").blur();
  assert.equal(await page.getByLabel("Top p").inputValue(), "1");
  await page.getByRole("button", { name: "Empty all" }).click();
  await page.getByLabel("System prompt of this conversation").fill("");
  await close();
  await say(page, "plain");
  await ended(page, 1);
  assert.deepEqual(Object.keys(server.asked.at(-1)).sort(), [
    "messages",
    "model",
    "stream",
    "stream_options",
  ]);
  assert.equal(server.asked.at(-1).messages[0].role, "user");
});

test("one of several models is chosen, and stays chosen", async () => {
  const before = server.models;
  server.setModels(["/models/small-Q8_0.gguf", "/models/large-Q4_K_M.gguf"]);
  await page.reload();
  const picker = page.getByRole("combobox", { name: "Model" });
  await picker.selectOption({ label: "large-Q4_K_M" });
  await say(page, "hello");
  await ended(page);
  assert.equal(server.asked.at(-1).model, "/models/large-Q4_K_M.gguf");
  await page.reload();
  await picker.waitFor();
  assert.equal(await picker.inputValue(), "/models/large-Q4_K_M.gguf");
  server.models = before;
});

test("a browser that keeps nothing is told of, and the page works", async () => {
  const other = await browser.context.newPage();
  await other.addInitScript(() =>
    Object.defineProperty(window, "indexedDB", {
      value: {
        open: () => {
          throw new DOMException("storage is blocked");
        },
      },
    }),
  );
  await other.goto(server.url);
  await other.getByText("This browser lets the page keep nothing (storage is blocked)").waitFor();
  await say(other, "hello");
  assert.match(await (await ended(other)).innerText(), /\w/);
});
