import type { Deployment, Pod, Wanted } from "../../objects.ts";
import { deployments, pods } from "../../resource.ts";
import { podSuffix } from "../apiserver/admission.ts";
import { byName, Controller, type ControllerContext, controllerOf, on, ownerOfKind } from "../controller.ts";
import { decide, hashLabel, templateHash } from "./deployment-decision.ts";

/**
 * Runs Deployments without ReplicaSets between: pods carry their template's hash. What to do is decided in
 * deployment-decision.
 */
export function runDeployments(context: ControllerContext): Controller {
  const { store, clock } = context;
  const sync = byName((namespace, name) => {
    const deployment = store.get(deployments, namespace, name);
    if (!deployment || deployment.metadata.deletionTimestamp) return undefined;
    const owned = store
      .list(pods, { namespace })
      .filter((pod) => controllerOf(pod, "Deployment")?.uid === deployment.metadata.uid);
    const decision = decide(deployment, owned, clock.now());
    for (let made = 0; made < decision.create; made++) store.create(pods, podOf(deployment));
    for (const pod of decision.remove) store.delete(pods, pod);
    store.updateStatus(deployments, { ...deployment, status: decision.status });
    return decision.again;
  });
  return new Controller(context, sync, [on(deployments), on(pods, ownerOfKind("Deployment"))]);
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
      annotations: metadata.annotations,
      ownerReferences: [
        { apiVersion: "apps/v1", kind: "Deployment", name, uid, controller: true, blockOwnerDeletion: true },
      ],
    },
    spec,
  };
}
