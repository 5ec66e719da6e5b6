import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodes } from "../../operator/cli/failure.ts";
import { inUseFinalizer } from "../../operator/engine/references.ts";
import { eventually } from "../contract/waiting.ts";
import { type Bench, condition, corpus, openBench, pretrainRun, resourceOf, started } from "./command.ts";

/**
 * What the command changes in a real cluster, and how it waits. No operator runs: the test writes what one
 * would.
 */

const patience = 120_000;
const corpora = resourceOf("Corpus");
const succeeded = {
  observedGeneration: 1,
  conditions: [condition("Succeeded", "True", "Completed", "3/3 stages completed")],
};

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
}, patience);
afterAll(() => bench?.close(), patience);

/** `kubectl-tanren` under way. */
const start = (...words: string[]) =>
  started("kubectl-tanren", [...words, "-n", bench.namespace], bench.directory, {
    KUBECONFIG: bench.kubeconfig,
  });

describe.concurrent("run", { timeout: patience }, () => {
  test("applies as its own field manager, watches, and ends when all is complete", async () => {
    await bench.write("run.yaml", `${corpus("run")}---\n${pretrainRun("run", "run")}`);
    const { seen, ended } = start("run", "-f", "run.yaml", "--until", "complete", "-o", "json");
    await bench.setStatus("Corpus", "run", succeeded);
    await bench.setStatus("PretrainRun", "run", {
      observedGeneration: 1,
      conditions: [condition("Succeeded", "Unknown", "Running", "stage train runs")],
    });
    // Each kind has a watch of its own, and nothing orders what one tells against the other.
    for (const reason of ["Completed", "Running"])
      await eventually(
        async () => seen.out.includes(`"reason":"${reason}"`),
        `the command tells of reason ${reason}`,
      );
    expect(seen.code).toBeNull();
    await bench.setStatus("PretrainRun", "run", succeeded);
    const { code, out, error } = await ended;
    expect({ code, error }).toEqual({ code: 0, error: "" });
    const told = out
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(told.at(-1)).toMatchObject({
      type: "status",
      kind: "PretrainRun",
      name: "run",
      reason: "Completed",
    });
    const { body } = await bench.api.ask(
      "GET",
      `/apis/tanren.dev/v1alpha1/namespaces/${bench.namespace}/corpora/run`,
    );
    expect(body).toMatchObject({
      metadata: {
        managedFields: expect.arrayContaining([
          expect.objectContaining({ manager: "tanren-cli", operation: "Apply" }),
        ]),
      },
    });
  });

  test("a failed run is a failed command", async () => {
    await bench.write("fail.yaml", corpus("fail"));
    const { ended } = start("run", "-f", "fail.yaml");
    await bench.setStatus("Corpus", "fail", {
      observedGeneration: 1,
      conditions: [condition("Succeeded", "False", "NoDocumentsLeft", "the rules dropped every document")],
    });
    const { code, error } = await ended;
    expect(code).toBe(exitCodes.failed.code);
    expect(error).toMatch(
      /^tanren: 1 of 1 objects did not succeed\n {2}Corpus\/fail: NoDocumentsLeft: the rules dropped every document\n$/,
    );
  });

  test("says when no operator looks at what was applied", async () => {
    await bench.write("unseen.yaml", corpus("unseen"));
    const { code, out, error } = await start("run", "-f", "unseen.yaml", "-o", "table", "--timeout", "25s")
      .ended;
    expect(code).toBe(exitCodes.unfinished.code);
    expect(out).toMatch(
      /no operator has looked at Corpus\/unseen for 20 s; is one running\? see: kubectl get deployments -A -l app.kubernetes.io\/name=tanren\n/,
    );
    expect(error).toMatch(
      /^tanren: not finished in time; the operator in the cluster continues; "kubectl tanren get --namespace command-/,
    );
  });

  test("what cannot change is refused before anything is applied", async () => {
    await bench.write("fixed.yaml", corpus("fixed"));
    expect(await start("run", "-f", "fixed.yaml", "--detach").ended).toMatchObject({ code: 0 });
    await bench.setStatus("Corpus", "fixed", { ...succeeded, startTime: new Date().toISOString() });
    await bench.write("fixed.yaml", corpus("fixed").replace("tokens: 1024", "tokens: 2048"));
    const { code, error } = await start("run", "-f", "fixed.yaml", "--detach").ended;
    expect(code).toBe(exitCodes.invalid.code);
    expect(error).toMatch(/^tanren: fixed.yaml:\d+: Corpus\/fixed: .*\n1 problem; nothing was changed\n$/);
  });
});

describe("delete", { timeout: patience }, () => {
  async function held(name: string): Promise<void> {
    await bench.write(`${name}.yaml`, corpus(name));
    expect(await start("run", "-f", `${name}.yaml`, "--detach").ended).toMatchObject({ code: 0 });
    const object = await bench.cluster.get(corpora, bench.namespace, name);
    if (object) await bench.cluster.setFinalizer(corpora, object, inUseFinalizer, true);
    await bench.setStatus("Corpus", name, {
      ...succeeded,
      conditions: [
        ...succeeded.conditions,
        condition(
          "InUse",
          "True",
          "Deleting",
          "deletion waits for PretrainRun base, which read this artifact",
        ),
      ],
    });
  }

  test("waits until the object is gone, and says meanwhile who holds it", async () => {
    await held("used");
    const { seen, ended } = start("delete", "corpus/used");
    await eventually(async () => seen.error !== "", "the command says who holds it");
    expect(seen.error).toBe("Corpus/used: deletion waits for PretrainRun base, which read this artifact\n");
    const object = await bench.cluster.get(corpora, bench.namespace, "used");
    if (object) await bench.cluster.setFinalizer(corpora, object, inUseFinalizer, false);
    expect(await ended).toMatchObject({ code: 0, out: "Corpus/used deleted\n" });
  });

  test("gives up in time, and says why it is still there", async () => {
    await held("kept");
    const { code, error } = await start("delete", "-f", "kept.yaml", "--timeout", "1s").ended;
    expect(code).toBe(exitCodes.unfinished.code);
    expect(error).toMatch(
      /tanren: not gone after 1 s; deletion continues\n {2}Corpus\/kept: deletion waits for PretrainRun base/,
    );
    const object = await bench.cluster.get(corpora, bench.namespace, "kept");
    expect(object?.metadata.deletionTimestamp).toBeDefined();
    if (object) await bench.cluster.setFinalizer(corpora, object, inUseFinalizer, false);
  });

  test("Ctrl-C ends the waiting, not the deletion", async () => {
    await held("left");
    const { child, seen, ended } = start("delete", "corpus/left");
    await eventually(async () => seen.error !== "", "the command says who holds it");
    child.kill("SIGINT");
    expect(await ended).toMatchObject({ code: exitCodes.interrupted.code });
    const object = await bench.cluster.get(corpora, bench.namespace, "left");
    expect(object?.metadata.deletionTimestamp).toBeDefined();
    if (object) await bench.cluster.setFinalizer(corpora, object, inUseFinalizer, false);
  });
});

test("Ctrl-C leaves a run to the operator", { timeout: patience }, async () => {
  await bench.write("quit.yaml", corpus("quit"));
  const { child, seen, ended } = start("run", "-f", "quit.yaml", "-o", "json");
  await bench.setStatus("Corpus", "quit", {
    observedGeneration: 1,
    conditions: [condition("Succeeded", "Unknown", "Running", "stage clean runs")],
  });
  await eventually(async () => seen.out.includes('"reason":"Running"'), "the command looks on");
  child.kill("SIGINT");
  const { code, error } = await ended;
  expect(code).toBe(exitCodes.interrupted.code);
  expect(error).toMatch(/^tanren: interrupted; the operator in the cluster continues/);
  expect(await bench.cluster.get(corpora, bench.namespace, "quit")).toBeDefined();
});
