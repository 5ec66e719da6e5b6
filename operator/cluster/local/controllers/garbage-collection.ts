import type { Clock } from "../../../clock/clock.ts";
import { type KubernetesObject, lastSeen } from "../../objects.ts";
import { events, type Resource } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { Controller, type ControllerContext, on } from "../controller.ts";

/** As kube-apiserver's --event-ttl. */
const eventMilliseconds = 60 * 60 * 1_000;

/**
 * Deletes what has lost every owner, by UID, in the background. It looks at what is, not at what happened, so
 * a deletion that a crash cut in two is carried on by the next start.
 */
export function collectGarbage(
  context: ControllerContext,
  resources: readonly Resource<KubernetesObject>[],
): Controller {
  const { store, clock } = context;
  const byPlural = new Map(resources.map((resource) => [resource.plural, resource]));
  const sync = (task: string) => {
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
  };
  // A child whose owner was gone before it was made is garbage too.
  const mayOrphan = ({ metadata }: KubernetesObject, type: string) =>
    type === "DELETED" || (type === "ADDED" && metadata.ownerReferences) ? ["orphans"] : [];
  const triggers = resources.map((resource) => on(resource, mayOrphan));
  const controller = new Controller(context, sync, triggers);
  controller.mark("events");
  return controller;
}

function expireEvents(store: Store, clock: Clock): number {
  for (const event of store.list(events)) {
    const age = clock.now().getTime() - Date.parse(lastSeen(event));
    if (age > eventMilliseconds) store.delete(events, event);
  }
  return eventMilliseconds / 6;
}
