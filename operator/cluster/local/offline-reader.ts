import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemClock } from "../../clock/clock.ts";
import type { KubernetesObject } from "../objects.ts";
import { type Cluster, type ListSelection, type LogOptions, NotFoundError } from "../port.ts";
import { pods, type Resource } from "../resource.ts";
import { matches } from "./apiserver/store.ts";
import { podLog } from "./kubelet/pod-directory.ts";
import { readLog } from "./kubelet/pod-log.ts";

/** What can be read of a cluster without an operator. */
export type ReadableCluster = Pick<Cluster, "get" | "list" | "logs">;

/**
 * The cluster of a state directory on which no operator runs, as it was left; undefined when there is none.
 * Changes nothing.
 */
export function readAtRest(stateDirectory: string): ReadableCluster | undefined {
  const state = resolve(stateDirectory);
  const objects = join(state, "objects");
  if (!existsSync(objects)) return undefined;
  const get: Cluster["get"] = async (resource, namespace, name) =>
    readObject(join(objects, resource.plural, namespace, `${name}.json`));
  return {
    get,
    list: async <T extends KubernetesObject>(resource: Resource<T>, selection: ListSelection = {}) =>
      readKind<T>(join(objects, resource.plural)).filter((object) => matches(object, selection)),
    async *logs(namespace: string, name: string, options: LogOptions) {
      const pod = await get(pods, namespace, name);
      if (!pod) throw new NotFoundError(`Pod ${namespace}/${name} is gone`);
      // Nobody would tell of the pod's end, so what is there now is all.
      yield* readLog(podLog(state, pod, options.previous), options, () => true, systemClock);
    },
  };
}

/** Sorted by namespace and name, as the store lists them. */
function readKind<T extends KubernetesObject>(directory: string): T[] {
  if (!existsSync(directory)) return [];
  const files = readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".json"),
  );
  return files.sort().flatMap((file) => readObject<T>(join(directory, file)) ?? []);
}

function readObject<T>(path: string): T | undefined {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;
}
