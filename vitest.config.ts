import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["operator/**/*.test.ts", "test/**/*.test.ts"],
    testTimeout: 20_000,
    // Two workers: tests start processes of their own, and machines with two cores must do.
    maxWorkers: 2,
  },
});
