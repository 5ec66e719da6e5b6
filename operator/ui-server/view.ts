import { kinds, type TanrenObject } from "../api/kinds.ts";
import type { Cluster } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";
import type { RunStatus } from "../kinds/batch-kind.ts";
import type { ObjectPlan, Session } from "./contract.ts";

/**
 * What the server needs of where a viewer looks, all of it by the viewer's own rights. One view serves one
 * request, and is closed after it: nothing of a viewer is kept.
 */
export interface View {
  readonly cluster: Pick<Cluster, "get" | "list"> & {
    /** Absent where nobody changes anything. */
    watch?: Cluster["watch"];
  };
  session(): Promise<Omit<Session, "version">>;
  plan(object: ViewedObject): Promise<ObjectPlan>;
  /** Pieces of the logs of the chosen pods of the object; throws an HttpError where there are none. */
  logs(object: ViewedObject, choice: LogChoice): AsyncIterable<string>;
  /** The directory of this machine that a claim stands for; absent where claims are on a cluster. */
  claimDirectory?(namespace: string, name: string): Promise<string>;
  /** A way from this machine to what an InferenceDeployment serves, for one exchange. */
  reach(deployment: ViewedObject): Promise<{ url: string; close(): void }>;
  /**
   * Calls once with a sentence when what is looked at cannot be watched any more, or begins to be; returns
   * what stops looking.
   */
  onChange(call: (sentence: string) => void): () => void;
  close(): void;
}

/** Who may look, and at what. */
export interface Access {
  /** By the token of the request, if it has one. Throws an HttpError where nobody may look with it. */
  open(token: string | undefined): Promise<View>;
}

/** Any of the six kinds; the living one has no stages. */
export type ViewedObject = TanrenObject<Record<string, unknown>, Partial<RunStatus>>;

export const viewedResources = kinds.map(({ resource }) => resource) as unknown as Resource<ViewedObject>[];

export interface LogChoice {
  stage?: string;
  attempt?: number;
  pod?: string;
  tailLines?: number;
}
