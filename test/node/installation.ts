import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { z } from "zod";
import { say } from "../../images/commands.ts";
import { helmPath } from "../cluster/cluster.ts";
import { fillClaims } from "./data.ts";
import { operatorPod } from "./faults.ts";
import { Manifest } from "./manifests.ts";
import { mode, namespace, operatorNamespace, repository, type World } from "./world.ts";

const run = promisify(execFile);

export const values = {
  mode,
  // One namespace is where the definitions are there already, made by whoever may: install.md.
  crds: { install: mode === "cluster" },
  networkPolicies: { enabled: true, runNamespaces: mode === "cluster" ? [namespace] : [] },
  progressSeconds: 2,
  ui: { enabled: true },
};

/** Runs helm with the release's values. */
export async function helm(world: World, ...args: string[]): Promise<string> {
  const env = { ...process.env, KUBECONFIG: world.cluster.kubeconfig };
  return (await run(await helmPath(), args, { env, maxBuffer: 16 << 20 })).stdout;
}

export const valueArguments = Object.entries(values).flatMap(([name, value]) => [
  "--set-json",
  `${name}=${JSON.stringify(value)}`,
]);

const restricted = (name: string): Manifest =>
  Manifest.parse({
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name,
      labels: {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/warn": "restricted",
      },
    },
  });

export function installation(world: () => World): void {
  test("the chart's operator runs where the restricted standard is enforced, and leads", async () => {
    await world().apply(...Array.from(new Set([operatorNamespace, namespace]), restricted));
    if (!values.crds.install)
      await world().kubectl("apply", "--server-side", "-f", join(repository, "charts/install/crds.yaml"));
    say(`helm install, mode ${mode}`);
    const chart = join(repository, "charts/tanren");
    const where = ["--namespace", operatorNamespace, "--wait", "--timeout", "120s"];
    await helm(world(), "install", "tanren", chart, ...where, ...valueArguments);
    const { metadata } = await operatorPod(world());
    const Lease = z.looseObject({ spec: z.looseObject({ holderIdentity: z.string() }) });
    const leases = await world().list(Lease, "leases", "", operatorNamespace);
    expect(leases.map(({ spec }) => spec.holderIdentity.split("_")[0])).toEqual([metadata.name]);
  });

  test("a pod that is restricted too puts raw material on the claims", async () => {
    await fillClaims(world());
  });
}
