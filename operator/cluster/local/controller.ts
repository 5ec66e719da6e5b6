import type { Clock } from "../../clock/clock.ts";
import { keyOf } from "../object-key.ts";
import type { KubernetesObject, OwnerReference } from "../objects.ts";
import type { Watch, WatchEvent } from "../port.ts";
import type { Resource } from "../resource.ts";
import type { Store } from "./apiserver/store.ts";

/** What every controller works with. */
export interface ControllerContext {
  store: Store;
  clock: Clock;
  /** Called with what goes wrong; the work is tried again. */
  report: (error: unknown) => void;
}

/** Milliseconds after which the key is to be synced again, or undefined when only an event can change it. */
export type Sync = (key: string) => number | undefined;

type Trigger = (store: Store, mark: (key: string) => void) => Watch;

const retryMilliseconds = 1_000;

/**
 * Watch, sync, retry: each marked key is synced once, however often it was marked, and again after the delay
 * that the sync asks for. Sync is synchronous, so no two ever overlap. One that throws is reported and
 * repeated.
 */
export class Controller {
  readonly #due = new Map<string, { at: number; cancel: () => void }>();
  readonly #context: ControllerContext;
  readonly #sync: Sync;
  readonly #watches: Watch[];
  #stopped = false;

  constructor(context: ControllerContext, sync: Sync, triggers: readonly Trigger[] = []) {
    this.#context = context;
    this.#sync = sync;
    this.#watches = triggers.map((open) => open(context.store, (key) => this.mark(key)));
  }

  /** Syncs the key after so many milliseconds, or earlier where that is due already. */
  mark(key: string, afterMilliseconds = 0): void {
    if (this.#stopped) return;
    const { clock } = this.#context;
    const at = clock.now().getTime() + afterMilliseconds;
    const due = this.#due.get(key);
    if (due && due.at <= at) return;
    due?.cancel();
    this.#due.set(key, { at, cancel: clock.after(afterMilliseconds, () => this.#run(key)) });
  }

  stop(): void {
    this.#stopped = true;
    for (const watch of this.#watches) watch.close();
    for (const due of this.#due.values()) due.cancel();
    this.#due.clear();
  }

  #run(key: string): void {
    this.#due.delete(key);
    try {
      const again = this.#sync(key);
      if (again !== undefined) this.mark(key, again);
    } catch (error) {
      this.#context.report(error);
      this.mark(key, retryMilliseconds);
    }
  }
}

/** Marks keys at each event of a kind; without `keysOf` the object's own. */
export function on<T extends KubernetesObject>(
  resource: Resource<T>,
  keysOf: (object: T, type: WatchEvent<T>["type"]) => readonly string[] = ({ metadata }) => [keyOf(metadata)],
): Trigger {
  return (store, mark) =>
    store.watch(resource, {}, ({ type, object }) => {
      for (const key of keysOf(object, type)) mark(key);
    });
}

/** The owner of this kind that controls the object. */
export function controllerOf({ metadata }: KubernetesObject, kind: string): OwnerReference | undefined {
  return metadata.ownerReferences?.find((owner) => owner.controller && owner.kind === kind);
}

/** Keys for `on`: the owner of this kind is synced at each event of what it controls. */
export function ownerOfKind(kind: string): (object: KubernetesObject) => readonly string[] {
  return (object) => {
    const name = controllerOf(object, kind)?.name;
    return name === undefined ? [] : [keyOf({ namespace: object.metadata.namespace, name })];
  };
}

/** A sync of objects by the names that their keys hold. */
export function byName(sync: (namespace: string, name: string) => number | undefined): Sync {
  return (key) => {
    const [namespace = "", name = ""] = key.split("/");
    return sync(namespace, name);
  };
}
