import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodes } from "../../operator/cli/failure.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { eventually } from "../contract/waiting.ts";
import { type Bench, condition, corpus, openBench, started } from "./command.ts";

/** A cluster of the test's own: before Tanren is installed, and while its API server is away. */

const patience = 120_000;
/** Where Kubernetes must be built first. */
const built = 30 * 60_000;

let kubernetes: TestCluster;
beforeAll(async () => {
  kubernetes = await startCluster();
}, built);
afterAll(() => kubernetes?.stop(), patience);

const plugin = (...words: string[]) =>
  started("kubectl-tanren", words, kubernetes.directory, { KUBECONFIG: kubernetes.kubeconfig });

test.each([["get"], ["describe", "ptr/base"], ["tree"]])(
  "before Tanren is installed, %s says so",
  { timeout: patience },
  async (...words) => {
    const { code, error } = await plugin(...words).ended;
    expect(code).toBe(exitCodes.failed.code);
    expect(error).toMatch(
      /^tanren: Tanren's CRDs are not installed in this cluster \(https:.*\); install the chart, or .*\n$/,
    );
  },
);

describe("with Tanren's kinds", () => {
  let bench: Bench;
  beforeAll(async () => {
    bench = await openBench(kubernetes.kubeconfig);
  }, patience);
  afterAll(() => bench?.close(), patience);

  test("run watches across a restart of the API server, and says that it was away", {
    timeout: patience,
  }, async () => {
    await bench.write("web.yaml", corpus("web"));
    const { seen, ended } = started(
      "kubectl-tanren",
      ["run", "-f", `${bench.directory}/web.yaml`, "-n", bench.namespace, "-o", "json"],
      bench.directory,
      { KUBECONFIG: bench.kubeconfig },
    );
    await bench.setStatus("Corpus", "web", {
      observedGeneration: 1,
      conditions: [condition("Succeeded", "Unknown", "Running", "stage clean runs")],
    });
    await eventually(async () => seen.out.includes('"reason":"Running"'), "the command watches");
    await kubernetes.stopComponent("kube-apiserver", { kill: true });
    const notice = await eventually(async () => {
      expect(seen, seen.error).toMatchObject({ code: null });
      return seen.out.split("\n").find((line) => line.includes('"type":"notice"'));
    }, "the command says that the API server is away");
    expect(JSON.parse(notice).message).toMatch(
      /^the API server https:\S+ cannot be reached \(.*\); .* \(trying again\)$/,
    );
    await kubernetes.startComponent("kube-apiserver");
    await bench.setStatus("Corpus", "web", {
      observedGeneration: 1,
      conditions: [condition("Succeeded", "True", "Completed", "3/3 stages completed")],
    });
    expect(await ended).toMatchObject({ code: 0, error: "" });
    expect(seen.out.match(/"type":"notice"/g)?.length).toBeLessThan(4);
  });
});
