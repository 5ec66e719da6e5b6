import type { KindDefinition } from "../api/kinds.ts";
import type { PersistentVolumeClaim, Wanted } from "../cluster/objects.ts";
import { childLabels, controllerReference, dnsLabel } from "../engine/names.ts";
import type { Run, RunSpec } from "../engine/run.ts";

/** Where a run writes. */
export interface RunStorage {
  claimName: string;
  /** Directory of the run below the claim's root; the uid keeps a namesake born later out of it. */
  directory: string;
  /** The claim to make; absent when the spec names one that exists. */
  wanted?: Wanted<PersistentVolumeClaim>;
}

export function storageOf(definition: KindDefinition, run: Run, { storage }: RunSpec): RunStorage {
  const { name, namespace, uid } = run.metadata;
  const directory = `${definition.resource.plural}/${name}-${uid.slice(0, 8)}`;
  if (storage.claimName !== undefined) return { claimName: storage.claimName, directory };
  if (storage.size === undefined)
    throw new TypeError("spec.storage has neither claimName nor size, though its CEL rule asks for one");
  const claimName = dnsLabel(`${definition.singular}-${name}`);
  return {
    claimName,
    directory,
    wanted: {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: {
        name: claimName,
        namespace,
        labels: childLabels(run),
        ownerReferences: [controllerReference(run)],
      },
      spec: {
        accessModes: [storage.accessMode ?? "ReadWriteMany"],
        ...(storage.storageClassName !== undefined && { storageClassName: storage.storageClassName }),
        resources: { requests: { storage: storage.size } },
      },
    },
  };
}
