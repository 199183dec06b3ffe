import { h } from "preact";
import { renderToString } from "preact-render-to-string";
import { defineConfig, type Plugin } from "vite";
import { First } from "./src/frame.tsx";

// The script is fetched at once and run behind the first paint. A page that nobody sees paints nothing.
const kStart = `{
      const start = () => import("./ui/app.js");
      if (document.hidden) start();
      else requestAnimationFrame(() => setTimeout(start));
    }`;

// The first paint waits for nothing but the page itself: its style stands in it, and its frame is drawn already.
const firstPaint: Plugin = {
  name: "sluice-first-paint",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler(html, { bundle = {} }) {
      let style = "";
      for (const [name, file] of Object.entries(bundle))
        if (file.type === "asset" && name.endsWith(".css")) {
          style += String(file.source).trim();
          delete bundle[name];
        }
      return html
        .replace(/<script type="module"[^>]*src="([^"]*)"[^>]*><\/script>/, '<link rel="modulepreload" href="$1" />')
        .replace(/\s*<link rel="stylesheet"[^>]*>/, () => `\n    <style>${style}</style>`)
        .replace('<div id="app"></div>', () => `<div id="app">${renderToString(h(First, null))}</div>\n    <script>${kStart}</script>`);
    },
  },
};

// /ui is the page and /ui/app.js the script: seen from the page, that is ui/app.js.
const addresses: Plugin = {
  name: "sluice-addresses",
  transformIndexHtml: { order: "post", handler: (html) => html.replaceAll('="./', '="ui/').replaceAll(" crossorigin", "") },
};

// Names without hashes: the server sends an ETag with each file. Relative addresses: the page may stand behind a
// proxy, under any path.
export default defineConfig({
  base: "./",
  server: { proxy: { "/v1": "http://127.0.0.1:8080" } },
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  build: {
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      output: { entryFileNames: "app.js", assetFileNames: "app[extname]", inlineDynamicImports: true },
    },
  },
  plugins: [firstPaint, addresses],
});
