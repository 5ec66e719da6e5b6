import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { contentSecurityPolicy, served } from "./content-security-policy.ts";

/** The page as static files (`dist/index.html`), and as one file with a place for data (`dist/report.html`). */

const folder = fileURLToPath(new URL(".", import.meta.url));

const policyOfPage: Plugin = {
  name: "content-security-policy",
  transformIndexHtml: (html) => html.replace("%CSP%", contentSecurityPolicy(served)),
};

/**
 * Writes report.html beside what was built: the same script and style inside the document, allowed by hash. The
 * data's place is a script of type application/json, which no browser executes and no policy asks about.
 */
const oneFile: Plugin = {
  name: "one-file-report",
  apply: "build",
  async closeBundle() {
    const html = await readFile(`${folder}dist/index.html`, "utf8");
    const [, script] = html.match(/<script type="module"[^>]* src="\/([^"]+)"><\/script>/) ?? [];
    const [, style] = html.match(/<link rel="stylesheet"[^>]* href="\/([^"]+)">/) ?? [];
    if (script === undefined || style === undefined)
      throw new Error("dist/index.html names no script or no style: Vite writes them otherwise than before");
    const scriptText = (await readFile(`${folder}dist/${script}`, "utf8")).replaceAll(
      "</script",
      "<\\/script",
    );
    const styleText = await readFile(`${folder}dist/${style}`, "utf8");
    const policy = contentSecurityPolicy({
      scripts: hashOf(scriptText),
      styles: hashOf(styleText),
      requests: "'none'",
    });
    const report = html
      .replace(/content="default-src[^"]+"/, () => `content="${policy}"`)
      .replace(/\s*<script type="module"[^>]*><\/script>/, "")
      .replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${styleText}</style>`)
      .replace(
        "</body>",
        () =>
          `<script type="application/json" id="tanren-report"></script>\n    <script type="module">${scriptText}</script>\n  </body>`,
      );
    await writeFile(`${folder}dist/report.html`, report);
  },
};

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

export default defineConfig({
  root: folder,
  plugins: [policyOfPage, oneFile],
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    // One script and one style: a report is made of them, and a policy names them.
    cssCodeSplit: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { output: { codeSplitting: false } },
  },
});
