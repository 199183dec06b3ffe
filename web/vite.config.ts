import { defineConfig } from "vite";

// Names without hashes: the server sends an ETag with each file. Relative addresses: the page may stand behind a
// proxy, under any path.
export default defineConfig({
  base: "./",
  server: { proxy: Object.fromEntries(["/v1", "/rlconfig"].map((path) => [path, "http://127.0.0.1:8080"])) },
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      output: { entryFileNames: "app.js", assetFileNames: "app[extname]", inlineDynamicImports: true },
    },
  },
  plugins: [
    {
      // /ui is the page and /ui/app.js the script: seen from the page, that is ui/app.js.
      name: "sluice-addresses",
      transformIndexHtml: { order: "post", handler: (html) => html.replaceAll('="./', '="ui/').replaceAll(" crossorigin", "") },
    },
  ],
});
