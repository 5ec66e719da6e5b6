import type { Clock } from "../../../clock/clock.ts";
import { keyOf } from "../../object-key.ts";
import type { Deployment, Pod, Wanted } from "../../objects.ts";
import { deployments, pods } from "../../resource.ts";
import { podSuffix } from "../apiserver/admission.ts";
import type { Store } from "../apiserver/store.ts";
import { Loop } from "../work-loop.ts";
import { decide, hashLabel, templateHash } from "./deployment-decision.ts";

/**
 * Runs Deployments without ReplicaSets between: pods carry their template's hash. What to do is decided in
 * deployment-decision.
 */
export function runDeployments(
  store: Store,
  clock: Clock,
  report: (error: unknown) => void,
): { stop(): void } {
  const loop = new Loop(clock, report, (key) => {
    const [namespace = "", name = ""] = key.split("/");
    const deployment = store.get(deployments, namespace, name);
    if (!deployment || deployment.metadata.deletionTimestamp) return undefined;
    const owned = store
      .list(pods, { namespace })
      .filter((pod) => ownerOf(pod)?.uid === deployment.metadata.uid);
    const decision = decide(deployment, owned, clock.now());
    for (let made = 0; made < decision.create; made++) store.create(pods, podOf(deployment));
    for (const pod of decision.remove) store.delete(pods, pod);
    store.updateStatus(deployments, { ...deployment, status: decision.status });
    return decision.again;
  });
  const watches = [
    store.watch(deployments, {}, ({ object }) => loop.mark(keyOf(object.metadata))),
    store.watch(pods, {}, ({ object }) => {
      const name = ownerOf(object)?.name;
      if (name) loop.mark(keyOf({ namespace: object.metadata.namespace, name }));
    }),
  ];
  return {
    stop() {
      loop.stop();
      for (const watch of watches) watch.close();
    },
  };
}

function ownerOf(pod: Pod): { name: string; uid: string } | undefined {
  return pod.metadata.ownerReferences?.find(({ kind, controller }) => controller && kind === "Deployment");
}

function podOf(deployment: Deployment): Wanted<Pod> {
  const { metadata, spec } = deployment.spec.template;
  const { name, namespace, uid } = deployment.metadata;
  const hash = templateHash(deployment);
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: `${name}-${hash}-${podSuffix()}`,
      namespace,
      labels: { ...metadata.labels, [hashLabel]: hash },
      ...(metadata.annotations && { annotations: metadata.annotations }),
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec,
  };
}
