/// <reference types="vitest/config" />
import { defineConfig, type Plugin } from "vite";

// The server answers the same paths as the page asks for, so that development needs no CORS.
const target = process.env.HEARTH_UPSTREAM ?? "http://127.0.0.1:8080";

// The first paint waits for the script, so that a chosen theme does not flash in the other one.
const blockRender: Plugin = {
  name: "block-render",
  transformIndexHtml: (html) => html.replace('type="module"', 'type="module" blocking="render"'),
};

export default defineConfig({
  base: "./",
  plugins: [blockRender],
  build: {
    target: "es2022",
    // Inlined assets would be data: URLs, which the policy of the server allows for images only.
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    // The page carries the code of others; their licences go with it.
    license: { fileName: "licenses.md" },
  },
  server: { proxy: { "/v1": target, "/props": target } },
  test: { environment: "jsdom", include: ["test/**/*.test.ts"], testTimeout: 120_000 },
});
