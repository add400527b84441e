// node screenshot.mjs URL FILE [dark|light]: a picture of the page while a running server answers,
// for the documentation.

import { Browser, ended, parts, say } from "./browser.mjs";

const [url, file, scheme = "light"] = process.argv.slice(2);
if (!url || !file) {
  console.error("usage: node screenshot.mjs http://127.0.0.1:8080/ FILE.png [dark|light]");
  process.exit(2);
}
const browser = await Browser.start([], {
  viewport: { width: 1200, height: 750 },
  colorScheme: scheme,
});
const page = await browser.open(url);
const props = await (await fetch(new URL("props", url))).json();
if (props.chat_template === "") {
  await page
    .getByRole("textbox", { name: "The text" })
    .fill("Once upon a time, in a small house by the sea, ");
  await page.getByRole("button", { name: "Continue", exact: true }).click();
  await page.getByRole("button", { name: "Take back" }).waitFor();
} else {
  await say(page, "What makes a good fire? Please answer with a short list.");
  await ended(page);
  await parts(page).answers.first().waitFor();
}
await page.screenshot({ path: file });
await browser.stop();
