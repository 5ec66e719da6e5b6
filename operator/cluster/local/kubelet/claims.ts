import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { keyOf } from "../../object-key.ts";
import type { ObjectMeta, PersistentVolumeClaim, Pod } from "../../objects.ts";
import { claims, pods } from "../../resource.ts";
import { claimProtection, type Store } from "../apiserver/store.ts";
import { byName, Controller, type ControllerContext, on } from "../controller.ts";
import { writing } from "../disk.ts";

/** On a claim: an absolute path of this machine that it stands for, and that is never removed. */
export const pathAnnotation = "local.tanren.dev/path";

/** What tells the directory of a claim. */
export type ClaimMetadata = Pick<ObjectMeta, "namespace" | "name" | "annotations">;

export function claimDirectory(stateDirectory: string, { metadata }: { metadata: ClaimMetadata }): string {
  return (
    metadata.annotations?.[pathAnnotation] ??
    join(stateDirectory, "claims", metadata.namespace, metadata.name)
  );
}

/**
 * Binds every claim to its directory; a claim that is deleted takes its own directory along once no pod uses
 * it.
 */
export function bindClaims(context: ControllerContext, stateDirectory: string): Controller {
  const { store, report } = context;
  const sync = byName((namespace, name) => {
    const claim = store.get(claims, namespace, name);
    if (!claim) return undefined;
    if (claim.metadata.deletionTimestamp) {
      if (!store.list(pods, { namespace }).some((pod) => uses(pod, name)))
        release(store, stateDirectory, claim).catch(report);
      return undefined;
    }
    if (!claim.metadata.annotations?.[pathAnnotation]) {
      const directory = claimDirectory(stateDirectory, claim);
      writing(directory, () => mkdirSync(directory, { recursive: true }));
    }
    const { storage } = claim.spec.resources.requests;
    store.updateStatus(claims, { ...claim, status: { phase: "Bound", capacity: { storage } } });
    return undefined;
  });
  const claimsOf = ({ spec, metadata: { namespace } }: Pod) =>
    spec.volumes.flatMap(({ persistentVolumeClaim: claim }) =>
      claim ? [keyOf({ namespace, name: claim.claimName })] : [],
    );
  return new Controller(context, sync, [on(claims), on(pods, claimsOf)]);
}

/**
 * The finalizer comes off last: a crash leaves a claim that is deleted again, never a directory without a
 * claim.
 */
async function release(store: Store, stateDirectory: string, claim: PersistentVolumeClaim): Promise<void> {
  if (!claim.metadata.annotations?.[pathAnnotation]) {
    await rm(claimDirectory(stateDirectory, claim), { recursive: true, force: true });
  }
  store.setFinalizer(claims, claim, claimProtection, false);
}

/**
 * A pod that is not placed yet holds nothing: it waits for a claim that stays. One that has ended holds it as
 * long as it is kept.
 */
function uses(pod: Pod, claimName: string): boolean {
  return (
    pod.spec.nodeName !== undefined &&
    pod.spec.volumes.some((volume) => volume.persistentVolumeClaim?.claimName === claimName)
  );
}
