// For everyone: keyboards, screen readers, both themes, phones.

import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { Browser, ended, parts, say } from "./browser.mjs";
import { faults, pale } from "./rules.mjs";
import { TestServer } from "./server.mjs";

const answerText =
  "# Bread\n\nA **loaf** with `salt`, see [the guide](https://example.org/a).\n\n- one\n- two\n\n" +
  '| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n\n```python\ndef f(x):  # comment\n    return "text" + str(1)\n```\n';
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
  server.answer = (stream) => stream.delta({ reasoning_content: "hm" }).say(answerText).end();
  page = await browser.open(server.url);
});
afterEach(async () => {
  await browser.assertClean(server.url);
  await browser.closePages();
});

const focused = () =>
  page.evaluate(() => {
    const { activeElement: at } = document;
    return at.getAttribute("aria-label") ?? at.textContent.trim();
  });

async function tabTo(name, most = 60) {
  for (let i = 0; i < most; ++i) {
    if ((await focused()) === name) return;
    await page.keyboard.press("Tab");
  }
  assert.fail(`Tab never reaches ${name}`);
}

test("everything is done without a mouse", async () => {
  await parts(page).box.waitFor();
  assert.equal(await focused(), "Your message", "one can type at once");
  await page.keyboard.type("first line");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("second line");
  await page.keyboard.press("Enter");
  await ended(page);
  assert.equal(server.asked.at(-1).messages[0].content, "first line\nsecond line");
  assert.equal(await focused(), "Your message", "and go on typing");

  await page.keyboard.press("ArrowUp");
  assert.equal(await focused(), "Edit your message");
  await page.keyboard.press("Escape");
  await page.getByRole("textbox", { name: "Edit your message" }).waitFor({ state: "detached" });

  await tabTo("Answer again");
  await page.keyboard.press("Enter");
  await page.getByText("2 / 2").waitFor();
  await ended(page);

  const next = server.next();
  await parts(page).box.focus();
  await page.keyboard.type("slow");
  await page.keyboard.press("Enter");
  const stream = await next;
  stream.say("on and on");
  await page.getByText("on and on").waitFor();
  await page.keyboard.press("Escape");
  await ended(page, 1);
  await stream.closed;

  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("/");
  await page.waitForFunction(() => document.activeElement.id === "search");
  await tabTo("Rename “first line second line”");
  await page.keyboard.press("Enter");
  await page.keyboard.type("Lines");
  await page.keyboard.press("Enter");
  await parts(page).sidebar.getByRole("link", { name: "Lines" }).waitFor();
  await tabTo("Settings");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog", { name: "Settings" }).waitFor();
  for (let i = 0; i < 40; ++i) {
    await page.keyboard.press("Tab");
    assert.ok(
      await page.evaluate(
        () =>
          document.activeElement === document.body ||
          document.activeElement.closest("dialog") !== null,
      ),
      "the focus stays in the dialog",
    );
  }
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  assert.equal(await focused(), "Settings", "the focus comes back");
});

test("Enter does not send while an input method composes", async () => {
  await parts(page).box.fill("にほん");
  const before = server.asked.length;
  await parts(page).box.dispatchEvent("keydown", {
    key: "Enter",
    isComposing: true,
    bubbles: true,
  });
  assert.equal(await parts(page).box.inputValue(), "にほん");
  assert.equal(server.asked.length, before);
});

test("the focus can be seen wherever it is", async () => {
  await say(page, "hello");
  await ended(page);
  await page.evaluate(() => document.activeElement.blur());
  const seen = new Set();
  for (let i = 0; i < 60; ++i) {
    await page.keyboard.press("Tab");
    const at = await page.evaluate(() => {
      const one = document.activeElement;
      if (one === document.body) return null;
      const visible = (element) => {
        const style = getComputedStyle(element);
        return parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none";
      };
      const box = one.closest(".search, .composer-box");
      const marked =
        visible(one) ||
        (box &&
          (visible(box) ||
            getComputedStyle(box).borderTopColor !==
              getComputedStyle(document.querySelector(".code")).borderTopColor));
      const { width, height } = one.getBoundingClientRect();
      return {
        name: one.getAttribute("aria-label") ?? one.textContent.slice(0, 40),
        marked: Boolean(marked),
        size: width * height,
      };
    });
    if (!at || seen.has(at.name)) continue;
    seen.add(at.name);
    assert.ok(at.marked, `${at.name} shows no focus`);
    assert.ok(at.size > 0, `${at.name} has no size`);
  }
  assert.ok(seen.size > 8, [...seen].join(", "));
});

for (const scheme of ["light", "dark"]) {
  test(`names, roles and contrast are good in the ${scheme} theme`, async () => {
    await page.emulateMedia({ colorScheme: scheme });
    await parts(page).box.waitFor();
    assert.deepEqual(await page.evaluate(faults), []);
    assert.deepEqual(await page.evaluate(pale), []);
    await say(page, "hello");
    await (await ended(page)).getByText("Thoughts").click();
    server.answer = (stream) => stream.fail(400, { message: "no" });
    await say(page, "fail");
    await ended(page, 1);
    assert.deepEqual(await page.evaluate(faults), []);
    assert.deepEqual(await page.evaluate(pale), []);
    await page.getByRole("navigation").getByRole("button", { name: "Settings" }).click();
    assert.deepEqual(await page.evaluate(faults), []);
    assert.deepEqual(await page.evaluate(pale), []);
  });
}

test("the theme follows the system until one is chosen, which stays", async () => {
  const back = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "light" });
  const light = await back();
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await back();
  assert.notEqual(light, dark);
  await page.getByRole("button", { name: /^Theme: as the system/ }).click();
  await page.getByRole("button", { name: /^Theme: dark/ }).click();
  assert.equal(await back(), light);
  await page.reload();
  await page.getByRole("button", { name: /^Theme: light/ }).waitFor();
  assert.equal(await back(), light);
  await page.getByRole("button", { name: /^Theme: light/ }).click();
  assert.equal(await back(), dark);
});

test("finished answers are read out, once, and not each piece", async () => {
  await page.evaluate(() => {
    window.said = [];
    const region = document.querySelector("[aria-live=polite]");
    new MutationObserver(() => window.said.push(region.textContent)).observe(region, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  const next = server.next();
  await say(page, "hello");
  const stream = await next;
  for (let i = 0; i < 5; ++i) {
    stream.say(`piece${i} `);
    await page.getByText(`piece${i}`).waitFor();
  }
  assert.deepEqual(await page.evaluate(() => window.said), []);
  const live = await page.evaluate(
    () =>
      [...document.querySelectorAll("[aria-live], [role=log], [role=status], [role=alert]")].filter(
        (one) => one.textContent.includes("piece"),
      ).length,
  );
  assert.equal(live, 0);
  stream.end();
  await ended(page);
  assert.deepEqual(await page.evaluate(() => window.said), [
    "Answer: piece0 piece1 piece2 piece3 piece4 ",
  ]);
});

test("nothing moves for those who do not want that", async () => {
  await page.emulateMedia({ reducedMotion: "reduce" });
  const next = server.next();
  await say(page, "hello");
  const stream = await next;
  await page.getByText("Reading…").waitFor();
  const moving = await page.evaluate(() => document.getAnimations().length);
  assert.equal(moving, 0);
  stream.say("x").end();
  await ended(page);
});

test("a phone has it all", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  await say(page, "hello " + "wide".repeat(60));
  server.answer = (stream) =>
    stream
      .say(
        "`" +
          "x".repeat(300) +
          "`\n\n| " +
          "cell | ".repeat(20) +
          "\n|" +
          "---|".repeat(20) +
          "\n\nhttps://example.org/" +
          "y".repeat(200),
      )
      .end();
  await ended(page);
  await say(page, "wide");
  await ended(page, 1);
  const wide = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.querySelector(".scroller");
    return [document.documentElement.scrollWidth, scrollWidth - clientWidth];
  });
  assert.deepEqual(wide, [360, 0], "nothing is wider than the screen");
  assert.equal(
    await parts(page).sidebar.count(),
    0,
    "the list is out of the way, also for screen readers",
  );
  await page.getByRole("button", { name: "Conversations" }).click();
  await parts(page).sidebar.getByRole("button", { name: "New chat" }).click();
  await parts(page).sidebar.waitFor({ state: "hidden" });
  await page.getByRole("button", { name: "Settings" }).click();
  const dialog = await page.getByRole("dialog", { name: "Settings" }).boundingBox();
  assert.ok(dialog.width <= 360 && dialog.x >= 0, JSON.stringify(dialog));
  await page.getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Conversations" }).click();
  await page.keyboard.press("Escape");
  await parts(page).sidebar.waitFor({ state: "hidden" });
});
