// node with_server.mjs TEST [FLAG...]: starts hearth serve (the program that HEARTH names) with these flags, and runs
// a file of tests on it.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const [file, ...flags] = process.argv.slice(2);
const program = process.env.HEARTH;
if (!file || !program) {
  console.error("usage: HEARTH=build/release/bin/hearth node with_server.mjs TEST [FLAG...]");
  process.exit(2);
}
const server = spawn(program, ["serve", "--port", "0", "--cache-disk", "0", ...flags], {
  stdio: ["ignore", "pipe", "inherit"],
});
process.on("exit", () => server.kill());
server.on("exit", (code) => process.exit(code || 1));
for await (const line of createInterface({ input: server.stdout })) {
  const url = /^hearth is listening on (http:\S+)$/.exec(line)?.[1];
  if (!url) continue;
  const test = spawn(process.execPath, ["--test", "--test-timeout=600000", file], {
    stdio: "inherit",
    env: { ...process.env, HEARTH_URL: `${url}/` },
  });
  test.on("exit", (code) => process.exit(code ?? 1));
}
