import type { ConfigMap, Wanted } from "../cluster/objects.ts";
import { readResult } from "../engine/kernel-result.ts";
import { childLabels, controllerReference, dnsLabel } from "../engine/names.ts";
import type { Run } from "../engine/run.ts";
import type { KernelResult } from "../kinds/batch-kind.ts";

/**
 * Results of the stages that have ended well, in a ConfigMap: a kind's status is made of all of them, and the pods that said them
 * may be gone before the last stage has ended.
 */

const nameOf = (run: Run) => dnsLabel(`${run.kind.toLowerCase()}-${run.metadata.name}-results`);

export function storedResults(run: Run, configMaps: readonly ConfigMap[]): Map<string, KernelResult> {
  const data = configMaps.find((configMap) => configMap.metadata.name === nameOf(run))?.data ?? {};
  return new Map(
    Object.entries(data).flatMap(([stage, said]) => {
      const result = readResult(said);
      return result === undefined ? [] : [[stage, result] as const];
    }),
  );
}

export function resultsConfigMap(run: Run, results: ReadonlyMap<string, KernelResult>): Wanted<ConfigMap> {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: nameOf(run),
      namespace: run.metadata.namespace,
      labels: childLabels(run),
      ownerReferences: [controllerReference(run)],
    },
    data: Object.fromEntries([...results].map(([stage, result]) => [stage, JSON.stringify(result)])),
  };
}
