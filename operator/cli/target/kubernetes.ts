import type { KubernetesCluster } from "../../cluster/kubernetes/index.ts";
import type { KubernetesObject, Pod, Wanted } from "../../cluster/objects.ts";
import { type Cluster, ClusterError, ForbiddenError, UnknownKindError } from "../../cluster/port.ts";
import {
  claims,
  localQueues,
  pods,
  priorityClasses,
  type Resource,
  secrets,
  serviceAccounts,
  storageClasses,
} from "../../cluster/resource.ts";
import { ownedBy } from "../../engine/names.ts";
import type { Need, NeededKind } from "../../kinds/needs.ts";
import type { Presence } from "../../planning/surroundings.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, title } from "../kinds.ts";
import { formatError, withFormattedErrors } from "./errors.ts";
import type { Endpoint, Target } from "./target.ts";

/** Where a kubeconfig is and which of its contexts is meant; absent: as kubectl chooses. */
export interface KubeconfigChoice {
  kubeconfig?: string;
  context?: string;
  /** Whose rights count, in the place of the kubeconfig's user. */
  token?: string;
}

/** Whose the applied fields are; not the operator's. */
const fieldManager = "tanren-cli";

/**
 * A Kubernetes cluster, through its API server. The client is loaded and the kubeconfig read when somebody
 * first asks.
 */
export function kubernetesTarget(
  choice: KubeconfigChoice,
  hint: Target["hint"],
): Target & {
  /** Ends every connection: for who goes on without the target. */
  stop(): Promise<void>;
} {
  let opened: Promise<Opened> | undefined;
  const open = () => {
    opened ??= connect(choice);
    return opened;
  };
  const connection = async (onTrouble?: (sentence: string) => void) => {
    const { kubernetes, cluster, where, trouble } = await open();
    if (onTrouble) trouble.listeners.add(onTrouble);
    return {
      cluster,
      where,
      tryApply: (resource: Resource<KubernetesObject>, wanted: Wanted<KubernetesObject>) =>
        kubernetes.tryApply(resource, wanted).catch((error: unknown) => {
          throw formatError(error, kubernetes.server);
        }),
      reach: (deployment: AnyObject) => reach(kubernetes, cluster, deployment),
      // The process ends soon, and with it the connections that are kept open.
      close() {
        if (onTrouble) trouble.listeners.delete(onTrouble);
      },
    };
  };
  return {
    hint,
    hasLocalPaths: false,
    namespace: async () => (await open()).kubernetes.currentNamespace,
    presence: async (need, namespace) => presenceOf((await open()).cluster, need, namespace),
    connect: () => connection(),
    peek: connection,
    whoAmI: async () => {
      const { kubernetes } = await open();
      return kubernetes.whoAmI().catch((error: unknown) => {
        throw formatError(error, kubernetes.server);
      });
    },
    stop: async () => (await opened)?.kubernetes.stop(),
    async operate() {
      const { kubernetes, cluster, where, trouble } = await open();
      return {
        cluster,
        where,
        inProcess: false,
        onTrouble(report) {
          trouble.report = report;
        },
        afterwards: `the operator in the cluster continues; ${hint("get")} shows its progress`,
        operatorHint: "see: kubectl get deployments -A -l app.kubernetes.io/name=tanren",
        // Its operator has been running all along, and endpoints may be out of reach of this machine.
        confirm: async () => true,
        stop: () => kubernetes.stop(),
        hurry() {},
      };
    },
  };
}

const needed: Record<NeededKind, readonly Resource<KubernetesObject>[]> = {
  PersistentVolumeClaim: [claims],
  Secret: [secrets],
  ServiceAccount: [serviceAccounts],
  PriorityClass: [priorityClasses],
  StorageClass: [storageClasses],
  LocalQueue: localQueues,
};

/** Whether an object that a spec names is there, by the rights of whoever asks. */
async function presenceOf(
  cluster: Pick<Cluster, "get">,
  { kind, name }: Pick<Need, "kind" | "name">,
  namespace: string,
): Promise<Presence> {
  for (const resource of needed[kind]) {
    try {
      return (await cluster.get(resource, namespace, name)) ? "present" : "absent";
    } catch (error) {
      if (error instanceof ForbiddenError) return "unreadable";
      // Another version may be served; where none is, nothing of the kind is there.
      if (!(error instanceof UnknownKindError)) throw error;
    }
  }
  return "absent";
}

interface Opened {
  /** Where problems of watches are reported: to those who listen, else to one who is told of changes. */
  trouble: { report: (sentence: string) => void; listeners: Set<(sentence: string) => void> };
  kubernetes: KubernetesCluster;
  cluster: Cluster;
  where: string;
}

async function connect({ kubeconfig, context, token }: KubeconfigChoice): Promise<Opened> {
  const { connectKubernetes } = await import("../../cluster/kubernetes/index.ts");
  const trouble = {
    report: (sentence: string) => void process.stderr.write(`${sentence}\n`),
    last: "",
    listeners: new Set<(sentence: string) => void>(),
  };
  try {
    const kubernetes = connectKubernetes({
      kubeconfig: { path: kubeconfig, context, token },
      fieldManager,
      report(error) {
        // A broken watch is reopened; a ClusterError says that this failed too.
        if (!(error instanceof ClusterError)) return;
        const { message } = formatError(error, kubernetes.server);
        for (const listener of [...trouble.listeners]) listener(message);
        if (message !== trouble.last && trouble.listeners.size === 0)
          trouble.report(`${message} (trying again)`);
        trouble.last = message;
      },
    });
    const { server } = kubernetes;
    return {
      kubernetes,
      trouble,
      cluster: withFormattedErrors(kubernetes, server),
      where: `context ${kubernetes.context} (${server})`,
    };
  } catch (error) {
    // What was named, or should have been there, is not.
    if (error instanceof ClusterError) throw new Failure("notFound", error.message);
    throw error;
  }
}

/** A ready pod of the deployment, on a loopback port of this machine. */
async function reach(
  kubernetes: KubernetesCluster,
  cluster: Cluster,
  deployment: AnyObject,
): Promise<Endpoint> {
  const { namespace } = deployment.metadata;
  const serving = (await cluster.list(pods, { namespace, labels: ownedBy(deployment) })).find(isReady);
  const port = serving?.spec.containers
    .flatMap(({ ports = [] }) => ports)
    .find(({ name }) => name === "http");
  if (serving === undefined || port === undefined)
    throw new Failure("failed", `${title(deployment)} has no ready pod now; try again in a moment`);
  const { forwardPort } = await import("../../cluster/kubernetes/client/port-forward.ts");
  const pod = { namespace, pod: serving.metadata.name, port: port.containerPort };
  const forwarded = await forwardPort(await kubernetes.kubeConfig(), pod);
  return { url: `http://127.0.0.1:${forwarded.port}`, close: () => forwarded.close() };
}

function isReady({ metadata, status }: Pod): boolean {
  const ready =
    status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") ?? false;
  return ready && metadata.deletionTimestamp === undefined;
}
