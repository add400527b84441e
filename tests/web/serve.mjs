// node serve.mjs UPSTREAM [PORT]: the built page under the real policy, in front of any server with
// the same interface.

import { TestServer } from "./server.mjs";

const [upstream, port = "8081"] = process.argv.slice(2);
if (!upstream) {
  console.error("usage: node serve.mjs http://127.0.0.1:8080 [PORT]");
  process.exit(2);
}
const server = await TestServer.start(upstream, Number(port));
console.log(server.url);
