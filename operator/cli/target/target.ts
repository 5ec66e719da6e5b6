import type { ClaimMetadata } from "../../cluster/local/index.ts";
import type { KubernetesObject, Wanted } from "../../cluster/objects.ts";
import type { Cluster } from "../../cluster/port.ts";
import type { Resource } from "../../cluster/resource.ts";
import type { Need } from "../../kinds/needs.ts";
import type { Machine, Presence } from "../../planning/surroundings.ts";
import type { AnyObject } from "../kinds.ts";

/**
 * Where the objects are that a command is about: a state directory of this machine, or a Kubernetes cluster.
 * Commands do not know which.
 */
export interface Target {
  /** The command as it is called for this target, in quotes, e.g. `"kubectl tanren get --context prod"`. */
  hint(words: string): string;
  /** Whether a claim may be a directory of this machine. */
  readonly hasLocalPaths: boolean;
  /**
   * Whether what an object needs beside objects of the six kinds is there, as far as whoever asks may know. What
   * has no effect at the target is present.
   */
  presence(need: Pick<Need, "kind" | "name">, namespace: string): Promise<Presence>;
  /**
   * The directory of this machine that a claim stands for, by the manifest's metadata where it is given; absent
   * where claims are elsewhere.
   */
  claimDirectory?(namespace: string, name: string, given?: ClaimMetadata): Promise<string>;
  /** Where pods run, if that is this machine. */
  readonly machine?: Machine;
  /** Where objects are whose namespace nobody named. */
  namespace(): Promise<string>;
  /** For reading. Throws a Failure where there is nothing to read. */
  connect(): Promise<Connection>;
  /**
   * For reading what is there already; undefined where nothing can be yet. `onTrouble`: called when what is
   * watched cannot be any more, or not for now.
   */
  peek(onTrouble?: (sentence: string) => void): Promise<Connection | undefined>;
  /** Whose rights count, as the API server knows them; absent where there is no API server. */
  whoAmI?(): Promise<string>;
  /** For writing what an operator acts on. `detach`: the operator is to outlive this process. */
  operate(options?: { detach?: boolean }): Promise<OperatorHandle>;
}

/** What can be read of a cluster, also without an operator. */
export type ReadableCluster = Pick<Cluster, "get" | "list" | "logs"> & {
  /** Absent where nobody changes anything. */
  watch?: Cluster["watch"];
};

export interface Connection {
  cluster: ReadableCluster;
  /** As sentences name the target, e.g. "/home/me/.tanren" or "context prod (https://10.0.0.1:6443)". */
  where: string;
  /**
   * Has an API server check an object as if it were applied; absent where none is. Throws what apply would.
   */
  tryApply?: (resource: Resource<KubernetesObject>, wanted: Wanted<KubernetesObject>) => Promise<void>;
  /**
   * A way from this machine to what an InferenceDeployment serves, for one exchange: replicas come and go.
   */
  reach(deployment: AnyObject): Promise<Endpoint>;
  close(): void;
}

/** An address for one exchange with an endpoint, good until it is closed. */
export interface Endpoint {
  url: string;
  close(): void;
}

/** A cluster in which an operator acts, in this process or elsewhere. */
export interface OperatorHandle {
  cluster: Cluster;
  where: string;
  /** Whether the operator is in this process and ends with it. */
  inProcess: boolean;
  /**
   * Where it is reported, instead of on standard error, that the cluster cannot be reached, or cannot write,
   * and is tried again.
   */
  onTrouble(report: (sentence: string) => void): void;
  /** What a person should know who leaves before all is done. */
  afterwards: string;
  /** What to check when no operator seems to run. */
  operatorHint: string;
  /**
   * Whether what the objects say of themselves holds: an operator that has just started shows what an earlier
   * one wrote.
   */
  confirm(objects: readonly AnyObject[]): Promise<boolean>;
  /** Lets go of the operator; one in this process stops in order. */
  stop(): Promise<void>;
  /** Shortens a stop under way. */
  hurry(): void;
}
