// Says what the built page weighs, and fails where it is more than a page in a binary should be.
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const limit = 250_000;
const root = new URL("dist", import.meta.url).pathname;
let total = 0;
for (const name of readdirSync(root, { recursive: true }).sort()) {
  const path = join(root, name);
  if (!statSync(path).isFile()) continue;
  const bytes = readFileSync(path);
  const packed = gzipSync(bytes, { level: 9 }).length;
  total += packed;
  console.log(
    `${String(bytes.length).padStart(8)} bytes ${String(packed).padStart(7)} gzipped  ${name}`,
  );
}
console.log(`${" ".repeat(15)}${String(total).padStart(7)} gzipped in all; ${limit} are the most`);
process.exitCode = total > limit ? 1 : 0;
