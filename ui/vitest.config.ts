import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Parts of the page in a document without a browser; test/ui has the whole of it in a real one. */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  test: { include: ["src/**/*.test.{ts,tsx}"], environment: "happy-dom", maxWorkers: 2 },
});
