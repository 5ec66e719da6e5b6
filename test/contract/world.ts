import type { KubernetesObject, Pod } from "../../operator/cluster/objects.ts";
import type { Cluster } from "../../operator/cluster/port.ts";
import type { Resource } from "../../operator/cluster/resource.ts";

/**
 * What the contract suite needs of an adapter beside the port: somebody who plays the programs in the pods. A
 * pod that is placed runs by itself; it is ready when it has no readiness probe or the test says so; it ends
 * when the test says so or when it is asked to stop.
 */
export interface World {
  readonly cluster: Cluster;
  /** A namespace of this world's own. */
  readonly namespace: string;
  /** A second connection to the same cluster, closed with the world. */
  another(): Promise<Cluster>;
  /** A forced apply by somebody who is not the operator. */
  applyAsPerson<T extends KubernetesObject>(resource: Resource<T>, wanted: object): Promise<void>;
  /** Decides what the pod's readiness probe finds. */
  setReady(pod: Pod, ready: boolean): Promise<void>;
  /** Lets the program outlast a request to stop, until `finishPod`. */
  holdPod(pod: Pod): Promise<void>;
  /**
   * Ends the program and with it the pod, and waits until `cluster` knows; for pods that are not started
   * again.
   */
  finishPod(pod: Pod, exitCode: number, message?: string): Promise<void>;
  /** Ends the pod for a reason that is not its program's: condition DisruptionTarget. */
  disruptPod(pod: Pod): Promise<void>;
  /** The environment that the program sees. */
  environmentOf(pod: Pod): Promise<Record<string, string>>;
  close(): Promise<void>;
}
