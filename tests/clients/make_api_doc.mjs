// Writes the tables of fields/ as Markdown between the two marks of a page.
//
//   node make_api_doc.mjs PAGE           writes them
//   node make_api_doc.mjs PAGE --check   fails unless they are there already
import { readFileSync, writeFileSync } from "node:fs";

import { readTables } from "./fields.mjs";

const BEGIN = "<!-- fields: written by tests/clients/make_api_doc.mjs -->";
const END = "<!-- end of fields -->";
const DONE = { honoured: "yes", ignored: "listed", rejected: "400" };

function cell(text) {
  return text.replaceAll("|", "\\|");
}

function render(table) {
  const rows = table.fields.map(({ name, does, about }) => (
    `| \`${name}\` | ${DONE[does]} | ${cell(about)} |`));
  return [`### ${table.title}`, "", "| field | taken | |", "|---|---|---|", ...rows].join("\n");
}

function renderAll() {
  const meaning = [
    "yes: it does what its dialect says. listed: the answer is the same without it, and the header",
    "`x-ignored-fields` names it. 400: the request is refused, and the error names the field.",
  ].join("\n");
  return [meaning, ...readTables().map(render)].join("\n\n");
}

function main([page, check]) {
  if (!page || (check && check !== "--check")) {
    throw new Error("usage: node make_api_doc.mjs PAGE [--check]");
  }
  const old = readFileSync(page, "utf8");
  const [from, to] = [old.indexOf(BEGIN), old.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${page}: put these lines into it:\n${BEGIN}\n${END}`);
  const text = `${old.slice(0, from + BEGIN.length)}\n\n${renderAll()}\n\n${old.slice(to)}`;
  if (text === old) return;
  if (check) throw new Error(`${page} is not what the tables say: node make_api_doc.mjs ${page}`);
  writeFileSync(page, text);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
