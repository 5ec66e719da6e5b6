import { defineConfig } from "vitest/config";

/** Tests against a real control plane, which is built on the first run and shared by all files of a run. */
export default defineConfig({
  test: {
    include: ["contract", "crds", "command", "refusals", "declarations", "perturbations"].map(
      (room) => `test/${room}/**/*.test.ts`,
    ),
    globalSetup: ["test/cluster/global-setup.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One more than cores: two of them mostly wait.
    maxWorkers: 3,
    // Files share nothing but what they open and close themselves.
    isolate: false,
    // Tests of a file mostly wait for controllers, so all of them wait at once.
    maxConcurrency: 100,
  },
});
