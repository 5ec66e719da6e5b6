import { Gauge, type Registry } from "prom-client";
import type { Condition, Deployment, KubernetesObject } from "../cluster/objects.ts";
import type { WatchEvent } from "../cluster/port.ts";
import { claimNameOf, labels } from "./names.ts";

/**
 * What alerts read of objects, in the manner of kube-state-metrics: from the events of watches that are open
 * anyway, no API call, and gone with the object.
 */

/** Of all kinds together, and nothing else: an object is not kept for its metrics. */
interface Facts {
  labels: { kind: string; namespace: string; name: string };
  conditions: Pick<Condition, "type" | "status" | "reason">[];
  completionTime?: string;
  disruptionsInARow?: number;
  /** Where a run that has not ended writes. */
  claimName?: string;
  replicas?: number;
}

interface Fields {
  spec?: { replicas?: number; storage?: { claimName?: string } };
  status?: { conditions?: Condition[]; completionTime?: string; disruptionsInARow?: number };
}

const identity = ["kind", "namespace", "name"] as const;
type Identity = (typeof identity)[number];

export class ObjectMetrics {
  readonly #objects = new Map<string, Facts>();
  /** Replicas that serve, by InferenceDeployment. */
  readonly #available = new Map<string, number>();

  constructor(registry: Registry) {
    const gauge = <Label extends string>(
      name: string,
      help: string,
      more: readonly Label[],
      series: (facts: Facts) => [value: number | undefined, labels: Record<Label, string>][],
    ) => {
      const objects = this.#objects;
      new Gauge<Identity | Label>({
        name,
        help,
        labelNames: [...identity, ...more],
        registers: [registry],
        collect() {
          this.reset();
          for (const facts of objects.values())
            for (const [value, own] of series(facts))
              if (value !== undefined) this.set({ ...facts.labels, ...own }, value);
        },
      });
    };
    gauge(
      "tanren_object_status_condition",
      "1 for each condition of an object, by its status and reason",
      ["type", "status", "reason"],
      ({ conditions }) => conditions.map(({ type, status, reason }) => [1, { type, status, reason }]),
    );
    gauge("tanren_run_completion_time", "When a run ended, well or badly, in Unix time", [], (run) => [
      [run.completionTime === undefined ? undefined : Date.parse(run.completionTime) / 1000, {}],
    ]);
    gauge(
      "tanren_run_disruptions_in_a_row",
      "Newest attempts of a run that were lost to the infrastructure without a new checkpoint in between",
      [],
      ({ disruptionsInARow }) => [[disruptionsInARow, {}]],
    );
    gauge(
      "tanren_run_claim_info",
      "1 for the claim that a run writes to which has not ended",
      ["persistentvolumeclaim"],
      ({ claimName }) => (claimName === undefined ? [] : [[1, { persistentvolumeclaim: claimName }]]),
    );
    gauge("tanren_endpoint_replicas", "Replicas that an endpoint's spec asks for", [], ({ replicas }) => [
      [replicas, {}],
    ]);
    gauge(
      "tanren_endpoint_replicas_available",
      "Replicas of an endpoint that serve; absent until it has a model to serve",
      [],
      (endpoint) => [[this.#available.get(keyOf(endpoint.labels)), {}]],
    );
  }

  /** Told of every event of an object of the six kinds. */
  observe({ type, object }: WatchEvent<KubernetesObject>): void {
    const { kind } = object;
    const { namespace, name } = object.metadata;
    const key = keyOf({ kind, namespace, name });
    if (type === "DELETED") this.#objects.delete(key);
    else this.#objects.set(key, factsOf(object));
  }

  /** Told of every event of a Deployment that an endpoint has. */
  observeDeployment({
    type,
    object,
  }: Pick<WatchEvent<Deployment>, "type"> & { object: Pick<Deployment, "metadata" | "status"> }): void {
    const { namespace, labels: own } = object.metadata;
    const key = keyOf({ kind: own?.[labels.kind] ?? "", namespace, name: own?.[labels.name] ?? "" });
    if (type === "DELETED") this.#available.delete(key);
    else this.#available.set(key, object.status?.availableReplicas ?? 0);
  }
}

const keyOf = ({ kind, namespace, name }: Facts["labels"]): string => `${kind}/${namespace}/${name}`;

function factsOf(object: KubernetesObject): Facts {
  const { kind } = object;
  const { namespace, name } = object.metadata;
  const { spec = {}, status = {} } = object as Fields;
  const { conditions = [], completionTime, disruptionsInARow } = status;
  const { storage } = spec;
  return {
    labels: { kind, namespace, name },
    conditions: conditions.map(({ type, status: is, reason }) => ({ type, status: is, reason })),
    completionTime,
    disruptionsInARow,
    claimName: storage && completionTime === undefined ? claimNameOf(object, storage) : undefined,
    replicas: kind === "InferenceDeployment" ? (spec.replicas ?? 1) : undefined,
  };
}
