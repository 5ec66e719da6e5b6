import { readFile } from "node:fs/promises";
import { Agent, type AgentOptions, type RequestOptions, request } from "node:https";
import { KubeConfig } from "@kubernetes/client-node";
import { expect, test } from "vitest";
import { z } from "zod";
import { kinds } from "../../operator/api/kinds.ts";
import { likeQuickstart, type Manifest } from "./manifests.ts";
import { attemptsAt, conditionOf, nextAttempt, Run, runningPods, underWay } from "./runs.ts";
import { Metadata, namespace, operatorUser, until, type World } from "./world.ts";

const Named = z.looseObject({ metadata: Metadata });
const Held = z.looseObject({ metadata: z.looseObject({ finalizers: z.array(z.string()).default([]) }) });

/** A stage of several pods; an object with several writers. */
export function gang(world: () => World): void {
  test("the pods of one stage find each other by name, and one that is lost brings all to a new attempt", async () => {
    const pair = likeQuickstart("PretrainRun", "pair", {
      training: { tokens: 204_800, microBatchSize: 8 },
      checkpoints: { everySteps: 20 },
      compute: { nodes: 2, resources: { cpu: "450m", memory: "1Gi" } },
    });
    // Of the name that the first attempt's own is to have.
    const foreign = {
      apiVersion: "scheduling.k8s.io/v1alpha2",
      kind: "PodGroup",
      metadata: { name: "pretrainrun-pair-train-1" },
      spec: { schedulingPolicy: { gang: { minCount: 7 } } },
    };
    await world().apply(foreign);
    await world().apply(pair);
    await until("the run says that the name is taken", async () => {
      const said = conditionOf(await world().get(Run, "pretrainrun", "pair"), "Succeeded");
      return said?.reason === "NameTaken" || undefined;
    });
    await world().kubectl("delete", "podgroup", foreign.metadata.name, "--namespace", namespace);
    await underWay(world(), "PretrainRun", "pair");
    const pods = await runningPods(world(), "PretrainRun", "pair");
    expect(pods).toHaveLength(2);
    await world().kubectl(
      "delete",
      "pod",
      pods[1]?.metadata.name ?? "",
      "--namespace",
      namespace,
      "--wait=false",
    );
    const after = await nextAttempt(world(), "pretrainrun", "pair", "train", 2);
    expect(attemptsAt(after, "train")[1]?.resumedFromStep).toBeGreaterThan(0);
    await world().wait("pretrainrun/pair", "condition=Succeeded");
    // Of what was made for the pods to meet, nothing is left of the first attempt.
    for (const kind of ["services", "podgroups"]) {
      const found = await world().list(Named, kind, "tanren.dev/kind=PretrainRun,tanren.dev/name=pair");
      expect(found.map(({ metadata }) => metadata.name)).toEqual(["pretrainrun-pair-train-2"]);
    }
  });

  test("an object that somebody else writes to all the time is taken up all the same", async () => {
    for (const kind of ["Corpus", "PretrainRun", "ContextExtension", "AlignmentRun", "Evaluation"]) {
      // Until one of our writes came in between the operator's look at a new object and its own first write.
      for (let number = 1; !(await wasReadAnew(world(), kind)); number++) {
        expect(number, `objects of ${kind} without a conflict`).toBeLessThan(40);
        const contested = likeQuickstart(kind, `contested-${number}`, { suspend: true });
        const writing = await writeAllTheTime(world(), contested);
        try {
          await world().apply(contested);
          await until(`the finalizer of ${kind}/contested-${number}`, async () => {
            const { metadata } = await world().get(Held, kind, contested.metadata.name);
            return metadata.finalizers.length > 0 || undefined;
          });
        } finally {
          await writing.stop();
        }
      }
    }
  });
}

const pluralOf = (kind: string) =>
  kinds.find(({ resource }) => resource.kind === kind)?.resource.plural ?? kind;

/**
 * Whether the operator has asked the API server for an object of a kind, as it does when somebody else was
 * faster.
 */
async function wasReadAnew(world: World, kind: string): Promise<boolean> {
  const log = await readFile(world.cluster.auditLog, "utf8");
  const get = `"verb":"get"`;
  const path = `/namespaces/${namespace}/${pluralOf(kind)}/contested-`;
  return log
    .split("\n")
    .some((line) => line.includes(get) && line.includes(path) && line.includes(operatorUser));
}

/** Changes an annotation as fast as the API server lets four clients. */
async function writeAllTheTime(world: World, { apiVersion, kind, metadata: { name } }: Manifest) {
  const config = new KubeConfig();
  config.loadFromFile(world.cluster.kubeconfig);
  const credentials: RequestOptions = {};
  await config.applyToHTTPSOptions(credentials);
  const agent = new Agent({ ...(credentials as AgentOptions), keepAlive: true });
  const url = `${config.getCurrentCluster()?.server}/apis/${apiVersion}/namespaces/${namespace}/${pluralOf(kind)}/${name}`;
  const options = {
    ...credentials,
    agent,
    method: "PATCH",
    headers: { "content-type": "application/merge-patch+json" },
  };
  const write = (body: string) =>
    new Promise<void>((resolve, reject) => {
      const sent = request(url, options, (response) => response.resume().once("end", resolve));
      sent.once("error", reject).end(body);
    });
  let stopped = false;
  const writers = [1, 2, 3, 4].map(async (writer) => {
    for (let tick = 0; !stopped; tick++)
      await write(JSON.stringify({ metadata: { annotations: { tick: `${writer} ${tick}` } } }));
  });
  return {
    async stop() {
      stopped = true;
      await Promise.all(writers);
      agent.destroy();
    },
  };
}
