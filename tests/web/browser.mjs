// A browser with an empty profile, and pages of which every request and every complaint of the
// policy is kept.

import assert from "node:assert/strict";
import { mkdtemp, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

export const kWait = 60_000;

/** Fails where something that has no limit of its own takes longer than anything should. */
function limited(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took more than ${kWait} ms`)), kWait);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

const flags = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export class Browser {
  static async start(extra = [], options = {}) {
    const self = new Browser();
    self.profile = await mkdtemp(join(tmpdir(), "hearth-web-"));
    self.context = await chromium.launchPersistentContext(self.profile, {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: [...flags, ...extra],
      headless: true,
      viewport: { width: 1280, height: 800 },
      permissions: ["clipboard-read", "clipboard-write"],
      ...options,
    });
    self.context.setDefaultTimeout(kWait);
    self.requests = [];
    self.complaints = [];
    self.context.on("request", (request) => self.requests.push(request.url()));
    self.context.on("console", (message) => {
      if (
        /Content.Security.Policy|Trusted ?(Type|HTML|Script)|violat|Refused to/i.test(
          message.text(),
        )
      ) {
        self.complaints.push(message.text());
      }
    });
    self.context.on("weberror", (error) => self.complaints.push(String(error.error())));
    await self.context.addInitScript(() => {
      window.violations = [];
      window.ran = [];
      document.addEventListener("securitypolicyviolation", (event) => {
        window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
      });
      window.alert =
        window.confirm =
        window.prompt =
          (text) => {
            window.ran.push(String(text));
          };
    });
    return self;
  }

  /** A page of the server at `url`. */
  async open(url) {
    const page = await this.context.newPage();
    await page.goto(url);
    return page;
  }

  /**
   * Since it was last asked: nothing was asked of any other origin, nothing ran, no policy was in
   * the way.
   */
  async assertClean(url) {
    const origin = new URL(url).origin;
    const foreign = this.requests.filter(
      (one) => new URL(one).origin !== origin && !one.startsWith("blob:") && one !== "about:blank",
    );
    const { complaints } = this;
    this.requests = [];
    this.complaints = [];
    assert.deepEqual(foreign, [], "requests that left the origin");
    assert.deepEqual(complaints, [], "complaints of the policy, or errors");
    for (const page of this.context.pages()) {
      if (!page.url().startsWith(origin)) continue;
      const traces = page.evaluate(() => [...window.violations, ...window.ran]);
      assert.deepEqual(await limited(traces, "looking at a page"), []);
    }
  }

  async closePages() {
    const pages = this.context.pages();
    // The last page keeps the browser open.
    await this.context.newPage();
    for (const page of pages) await page.close();
  }

  async stop() {
    const lock = await readlink(join(this.profile, "SingletonLock")).catch(() => "");
    try {
      await limited(this.context.close(), "closing the browser");
    } catch (error) {
      // The lock of a profile names its process, which must not outlive the tests.
      const pid = Number(lock.split("-").at(-1));
      if (pid > 1) process.kill(pid, "SIGKILL");
      throw error;
    }
    await rm(this.profile, { recursive: true, force: true });
  }
}

/** The parts of the page as a person names them. */
export const parts = (page) => ({
  box: page.getByRole("textbox", { name: "Your message" }),
  send: page.getByRole("button", { name: "Send", exact: true }),
  stop: page.getByRole("button", { name: "Stop", exact: true }),
  answers: page.getByRole("article", { name: "Answer" }),
  mine: page.getByRole("article", { name: "You" }),
  sidebar: page.getByRole("navigation", { name: "Conversations" }),
  items: page.locator("nav li.item a"),
});

export async function say(page, text) {
  const { box } = parts(page);
  await box.fill(text);
  await box.press("Enter");
}

/** Waits until the shown answer, counted from 0, has ended. */
export async function ended(page, index = 0) {
  const answer = parts(page).answers.nth(index);
  await answer.getByRole("button", { name: "Answer again" }).waitFor();
  return answer;
}
