import type { KubernetesObject } from "../cluster/objects.ts";
import type { WatchEvent } from "../cluster/port.ts";

/**
 * Lets through the changes of an object that some part of it shows, and holds back the rest: a reconciler is
 * not to be woken by the status it wrote itself.
 */
export class WakeFilter<T extends KubernetesObject> {
  readonly #part: (object: T) => unknown;
  readonly #seen = new Map<string, string>();

  /** `part` gives what must differ, as JSON shows it. */
  constructor(part: (object: T) => unknown) {
    this.#part = part;
  }

  /** Whether the part differs from that of the event before; deletion and the first event always count. */
  passes({ type, object }: WatchEvent<T>): boolean {
    const { uid } = object.metadata;
    if (type === "DELETED") {
      this.#seen.delete(uid);
      return true;
    }
    const part = JSON.stringify(this.#part(object));
    if (this.#seen.get(uid) === part) return false;
    this.#seen.set(uid, part);
    return true;
  }
}

/** What people and other controllers change; status is not in it. */
export const ownWish = ({ metadata }: KubernetesObject) => {
  const { generation, deletionTimestamp, finalizers, labels, annotations } = metadata;
  return [generation, deletionTimestamp, finalizers, labels, annotations];
};
