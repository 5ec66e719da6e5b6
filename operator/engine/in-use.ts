import type { TanrenObject } from "../api/kinds.ts";
import type { Cluster } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";
import type { BatchKind } from "../kinds/batch-kind.ts";
import { referencesOf } from "./references.ts";
import type { Run } from "./run.ts";

/**
 * Holds the deletion of an object whose artifact others still read, as the API server holds the deletion of a claim that pods use.
 */
export const inUseFinalizer = "tanren.dev/in-use";

/** A kind whose objects read artifacts. */
export interface Consumer {
  resource: Resource<TanrenObject>;
  /** Objects it cannot do without now; none once it has ended. Whether it is being deleted is not its matter. */
  needs(object: TanrenObject): { kind: string; name: string }[];
}

export function batchConsumer(kind: BatchKind): Consumer {
  return {
    resource: kind.definition.resource,
    needs: (object) => ((object as Run).status?.completionTime === undefined ? referencesOf(kind, object) : []),
  };
}

/** What an object keeps others from going; one that is itself being deleted holds nobody, or two could hold each other for ever. */
export function held(consumer: Consumer, object: TanrenObject): { kind: string; namespace: string; name: string }[] {
  if (object.metadata.deletionTimestamp !== undefined) return [];
  return consumer.needs(object).map(({ kind, name }) => ({ kind, namespace: object.metadata.namespace, name }));
}

/** Objects of the namespace that keep the run from going, as "Kind name". */
export async function usersOf(cluster: Cluster, consumers: readonly Consumer[], run: Run): Promise<string[]> {
  const { namespace, name } = run.metadata;
  const users = await Promise.all(
    consumers.map(async (consumer) => {
      const objects = await cluster.list(consumer.resource, { namespace });
      return objects
        .filter((object) => held(consumer, object).some((target) => target.kind === run.kind && target.name === name))
        .map((object) => `${object.kind} ${object.metadata.name}`);
    }),
  );
  return users.flat().toSorted();
}
