import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["operator/**/*.test.ts", "images/**/*.test.ts", "release/**/*.test.ts", "test/**/*.test.ts"],
    // Those share a control plane: test/vitest.config.ts.
    exclude: [
      "test/contract/**",
      "test/crds/**",
      "test/command/**",
      "test/refusals/**",
      "test/declarations/**",
      "test/perturbations/**",
    ],
    testTimeout: 20_000,
    // Two workers: tests start processes of their own, and machines with two cores must do.
    maxWorkers: 2,
  },
});
