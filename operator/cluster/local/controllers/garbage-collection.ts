import type { Clock } from "../../../clock/clock.ts";
import type { KubernetesObject } from "../../objects.ts";
import { events, type Resource } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { Loop } from "../work-loop.ts";

/** As kube-apiserver's --event-ttl. */
const eventMilliseconds = 60 * 60 * 1_000;

/**
 * Deletes what has lost every owner, by UID, in the background. It looks at what is, not at what happened, so
 * a deletion that a crash cut in two is carried on by the next start.
 */
export function collectGarbage(
  store: Store,
  resources: readonly Resource<KubernetesObject>[],
  clock: Clock,
  report: (error: unknown) => void,
): { stop(): void } {
  const byPlural = new Map(resources.map((resource) => [resource.plural, resource]));
  const loop = new Loop(clock, report, (task) => {
    if (task === "events") return expireEvents(store, clock);
    const uids = new Set<string>();
    for (const { object } of store.everything()) uids.add(object.metadata.uid);
    for (const { plural, object } of [...store.everything()]) {
      const owners = object.metadata.ownerReferences ?? [];
      const resource = byPlural.get(plural);
      if (resource && owners.length > 0 && owners.every((owner) => !uids.has(owner.uid)))
        store.delete(resource, object);
    }
    return undefined;
  });
  // A child whose owner was gone before it was made is garbage too.
  const watches = resources.map((resource) =>
    store.watch(resource, {}, ({ type, object }) => {
      if (type === "DELETED" || (type === "ADDED" && object.metadata.ownerReferences)) loop.mark("orphans");
    }),
  );
  loop.mark("events");
  return {
    stop() {
      loop.stop();
      for (const watch of watches) watch.close();
    },
  };
}

function expireEvents(store: Store, clock: Clock): number {
  for (const event of store.list(events)) {
    const age = clock.now().getTime() - Date.parse(event.eventTime);
    if (age > eventMilliseconds) store.delete(events, event);
  }
  return eventMilliseconds / 6;
}
