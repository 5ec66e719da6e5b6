import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { conditionOf, eventsOf, Run } from "./runs.ts";
import { Metadata, namespace, until, type World } from "./world.ts";

const kinds = [
  "inferencedeployments",
  "evaluations",
  "alignmentruns",
  "contextextensions",
  "pretrainruns",
  "corpora",
];
const made = "jobs,deployments,pods,services,configmaps,persistentvolumeclaims,networkpolicies,podgroups";
const Named = z.looseObject({ metadata: Metadata });
const Volume = z.looseObject({
  metadata: Metadata,
  spec: z.looseObject({
    claimRef: z.looseObject({ name: z.string() }),
    hostPath: z.looseObject({ path: z.string() }),
  }),
});

/** What was made for an object goes with it; what is in use stays. */
export function deletion(world: () => World): void {
  test("a parent in use is held, and says by whom", async () => {
    await world().kubectl("delete", "contextextension", "long", "--namespace", namespace, "--wait=false");
    const held = await until("the condition InUse", async () => {
      const run = await world().get(Run, "contextextension", "long");
      return conditionOf(run, "InUse")?.status === "True" ? run : undefined;
    });
    expect(held.metadata.deletionTimestamp).toBeDefined();
    expect(conditionOf(held, "InUse")?.message).toContain("InferenceDeployment assistant");
    expect(await eventsOf(world(), "ContextExtension", "long")).toContain("Deleting");
  });

  test("everything is deleted at once, and nothing is left", async () => {
    const volumes = await world().list(Volume, "persistentvolumes");
    const ofRuns = volumes.filter(({ spec }) => spec.claimRef.name.includes("-"));
    expect(ofRuns.length).toBeGreaterThanOrEqual(5);
    await world().kubectl("delete", kinds.join(","), "--all", "--namespace", namespace, "--timeout=120s");
    await until("nothing that was made for them", async () => {
      const left = await world().list(Named, made, "app.kubernetes.io/managed-by=tanren");
      return left.length === 0 || undefined;
    });
    const own = (await world().list(Named, "persistentvolumeclaims")).map(({ metadata }) => metadata.name);
    expect(own.sort()).toEqual(["program-code", "small-files", "web-pages"]);
    await until("no volume but those of the raw material", async () => {
      const left = await world().list(Volume, "persistentvolumes");
      return left.length === own.length || undefined;
    });
    const folders = readdirSync(join(world().cluster.directory, "volumes"));
    expect(folders).toHaveLength(own.length);
    expect(existsSync(world().cluster.directory)).toBe(true);
  });
}
