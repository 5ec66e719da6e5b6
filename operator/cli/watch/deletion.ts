import type { Condition, KubernetesObject } from "../../cluster/objects.ts";
import type { Cluster } from "../../cluster/port.ts";
import type { Resource } from "../../cluster/resource.ts";
import { inUseFinalizer } from "../../engine/references.ts";
import { title } from "../kinds.ts";

/** Watches an object that is being deleted: when it is gone, and what holds it until then. */
export class DeletionWatcher {
  readonly #cluster: Pick<Cluster, "get" | "watch">;
  readonly #resource: Resource<KubernetesObject>;
  #object: KubernetesObject;

  constructor(
    cluster: Pick<Cluster, "get" | "watch">,
    resource: Resource<KubernetesObject>,
    object: KubernetesObject,
  ) {
    this.#cluster = cluster;
    this.#resource = resource;
    this.#object = object;
  }

  /** Whether the object, by its UID, is gone before the signal aborts. `onHeld`: another object holds it. */
  wait(signal: AbortSignal, onHeld: (sentence: string) => void): Promise<boolean> {
    const { namespace, name, uid } = this.#object.metadata;
    const { promise, resolve, reject } = Promise.withResolvers<boolean>();
    let reported: string | undefined;
    const see = (object: KubernetesObject | undefined) => {
      if (object?.metadata.uid !== uid) return resolve(true);
      this.#object = object;
      const held = userOf(object);
      if (held !== undefined && held !== reported) onHeld(`${title(object)}: ${held}`);
      reported = held;
    };
    const watch = this.#cluster.watch(this.#resource, { namespace }, ({ type, object }) => {
      if (object.metadata.name === name) see(type === "DELETED" ? undefined : object);
    });
    signal.addEventListener("abort", () => resolve(false));
    // It may have gone before the watch began.
    watch.synced
      .then(async () => see(await this.#cluster.get(this.#resource, namespace, name)))
      .catch(reject);
    return promise.finally(() => watch.close());
  }

  /** Why the object is still there, as a sentence. */
  holder(operatorHint: string): string {
    const held = userOf(this.#object);
    if (held !== undefined) return `${title(this.#object)}: ${held}`;
    const { finalizers = [] } = this.#object.metadata;
    const about = finalizers.length === 0 ? "its pods are still ending" : `held by ${finalizers.join(", ")}`;
    const mend = finalizers.includes(inUseFinalizer)
      ? `, which the operator takes away; ${operatorHint}`
      : "";
    return `${title(this.#object)}: ${about}${mend}`;
  }
}

/** What the operator reports about objects that still read this one. */
function userOf(object: KubernetesObject & { status?: { conditions?: Condition[] } }): string | undefined {
  const condition = object.status?.conditions?.find(({ type }) => type === "InUse");
  return condition?.status === "True" ? condition.message : undefined;
}
