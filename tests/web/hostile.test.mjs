// Answers that attack: nothing of them may run, load, look up a host or dress up as the page.

import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Browser, ended, parts, say } from "./browser.mjs";
import { payloads } from "./payloads.mjs";
import { TestServer } from "./server.mjs";

const log = join(tmpdir(), `hearth-web-net-${process.pid}.json`);
let browser, server, page;

before(async () => {
  server = await TestServer.start();
  // Names resolve to nothing, so that a look-up fails but is still in the log.
  browser = await Browser.start([
    `--log-net-log=${log}`,
    "--host-resolver-rules=MAP evil.example ~NOTFOUND",
  ]);
  page = await browser.open(server.url);
});

after(async () => {
  await browser?.stop();
  await server?.stop();
  await rm(log, { force: true });
});

/** Elements and attributes in the answers of this page that no answer may have. */
function suspects() {
  const elements =
    "script, img, svg, iframe, object, embed, style, link, meta, base, form, input, textarea, " +
    "video, audio, template, dialog, math, picture, area, marquee, details, [popover]";
  const found = [...document.querySelectorAll(".md")].flatMap((md) => [
    ...[...md.querySelectorAll(elements)].map((one) => one.outerHTML),
    ...[...md.querySelectorAll("*")].flatMap((one) =>
      [...one.attributes]
        .filter(
          ({ name, value }) =>
            /^on|^style$|^id$|^name$|^src|^ping$|^form|^role$|^aria/.test(name) ||
            (name === "href" && !/^(https?|mailto):/.test(value)),
        )
        .map(({ name, value }) => `${name}=${value}`),
    ),
    ...[...md.querySelectorAll("a")]
      .filter(
        (one) =>
          !/noopener noreferrer/.test(one.rel) ||
          one.target !== "_blank" ||
          one.title !== one.getAttribute("href"),
      )
      .map((one) => one.outerHTML),
    ...[...md.querySelectorAll("button")]
      .filter((one) => one.className !== "copy-code" || !one.closest(".code-bar"))
      .map((one) => one.outerHTML),
  ]);
  return found.map((one) => one.slice(0, 200));
}

test("there are many payloads", () => assert.ok(Object.keys(payloads).length >= 30));

for (const [name, text] of Object.entries(payloads)) {
  test(name, async () => {
    await parts(page).sidebar.getByRole("button", { name: "New chat" }).click();
    // In two halves, as tokens would cut it, and in the reasoning and a tool's arguments too.
    const half = Math.floor(text.length / 2);
    server.answer = async (stream) => {
      stream.delta({ reasoning_content: text });
      stream.say(text.slice(0, half));
      await new Promise((resolve) => setTimeout(resolve, 50));
      stream.say(text.slice(half));
      stream.delta({
        tool_calls: [{ index: 0, function: { name: text.slice(0, 300), arguments: text } }],
      });
      stream.end();
    };
    await say(page, text.slice(0, 2000));
    const answer = await ended(page);
    await answer.locator(".reasoning > summary").click();
    await answer.locator(".tool > summary").click();
    await answer.locator(".reasoning .md").waitFor({ state: "attached" });
    assert.deepEqual(await page.evaluate(suspects), []);
    // The page itself still stands and answers.
    assert.ok(await parts(page).box.isVisible());
    assert.equal(await page.locator("#app").count(), 1);
    await browser.assertClean(server.url);
  });
}

test("the same holds after a reload, when answers come from storage", async () => {
  await page.reload();
  await parts(page).items.first().waitFor();
  const count = await parts(page).items.count();
  assert.ok(count >= Object.keys(payloads).length);
  for (let i = 0; i < count; i += 7) {
    await parts(page).items.nth(i).click();
    await ended(page);
    assert.deepEqual(await page.evaluate(suspects), []);
  }
  await browser.assertClean(server.url);
});

test("a link opens on a click only, in a page that knows nothing of this one", async () => {
  await parts(page).sidebar.getByRole("button", { name: "New chat" }).click();
  server.answer = (stream) => stream.say(`[a guide](${server.url}props)`).end();
  await say(page, "a link, please");
  const link = (await ended(page)).getByRole("link");
  assert.equal(await link.innerText(), `a guide (${new URL(server.url).host})`);
  const opened = browser.context.waitForEvent("page");
  await link.click();
  const other = await opened;
  await other.waitForLoadState();
  assert.equal(await other.evaluate(() => window.opener), null);
  assert.equal(await other.evaluate(() => document.referrer), "");
  await other.close();
});

test("the browser looked up no host and connected to none but the server", async () => {
  // Browsers with a window also look up the hosts of links before anyone follows them, unless told
  // not to.
  const meta = 'meta[http-equiv="x-dns-prefetch-control"][content="off"]';
  assert.equal(await page.locator(meta).count(), 1);
  await browser.stop();
  browser = null;
  const text = await readFile(log, "utf8");
  const { constants, events } = JSON.parse(text);
  const names = new Map(Object.entries(constants.logEventTypes).map(([name, id]) => [id, name]));
  const asked = events
    .filter(({ type }) =>
      /^(HOST_RESOLVER|TCP_CONNECT|URL_REQUEST_START)/.test(names.get(type) ?? ""),
    )
    .map(({ params }) => JSON.stringify(params ?? {}));
  assert.ok(
    asked.some((one) => one.includes(new URL(server.url).host)),
    "the log has what was asked",
  );
  assert.deepEqual(
    asked.filter((one) => one.includes("evil.example")),
    [],
  );
});
