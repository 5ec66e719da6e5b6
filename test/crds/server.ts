import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, inject } from "vitest";
import { admit } from "../../operator/api/admission.ts";
import { type KindDefinition, kinds, type TanrenObject } from "../../operator/api/kinds.ts";
import { connectKubernetes, type KubernetesCluster } from "../../operator/cluster/kubernetes/index.ts";
import type { Wanted } from "../../operator/cluster/objects.ts";
import { InvalidError } from "../../operator/cluster/port.ts";
import { kubectlOf } from "../cluster/cluster.ts";
import { ApiServer } from "../contract/api-server.ts";
import { installKinds } from "../contract/kubernetes-world.ts";
import { openNamespace } from "../contract/namespace.ts";

/** A namespace of the API server with our CustomResourceDefinitions in it, and the ways to ask it. */
export interface Server {
  readonly namespace: string;
  readonly kubeconfig: string;
  readonly cluster: KubernetesCluster;
  readonly api: ApiServer;
  /** kubectl in the namespace; throws with its own words when it fails. */
  kubectl(args: string[], input?: unknown): Promise<string>;
  /** kubectl in the namespace; gives what it said as it failed, and throws when it did not. */
  kubectlFails(args: string[], input?: unknown): Promise<string>;
}

export function useServer(): () => Server {
  let server: Server | undefined;
  beforeAll(async () => {
    server = await openServer();
  });
  afterAll(async () => {
    await server?.cluster.stop();
    await server?.api.send("DELETE", `/api/v1/namespaces/${server.namespace}`);
    server?.api.close();
  });
  return () => {
    if (server === undefined) throw new Error("the server is not open yet");
    return server;
  };
}

async function openServer(): Promise<Server> {
  const path = inject("kubeconfig");
  const api = new ApiServer(path);
  await installKinds(api);
  const namespace = `crds-${randomBytes(4).toString("hex")}`;
  await openNamespace(api, namespace);
  const cluster = connectKubernetes({ kubeconfig: { path }, report: () => {} });
  const run = kubectlOf(path);
  const inNamespace = (args: string[], input?: unknown) =>
    run(["-n", namespace, ...args], input === undefined ? {} : { input: JSON.stringify(input) });
  return {
    namespace,
    kubeconfig: path,
    cluster,
    api,
    async kubectl(args, input) {
      const { code, stdout, stderr } = await inNamespace(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(" ")} ended with ${code}: ${stderr}`);
      return stdout;
    },
    async kubectlFails(args, input) {
      const { code, stdout, stderr } = await inNamespace(args, input);
      if (code === 0) throw new Error(`kubectl ${args.join(" ")} did not fail: ${stdout}`);
      return stderr;
    },
  };
}

export function kindOf(name: string): KindDefinition {
  const kind = (kinds as readonly KindDefinition[]).find(({ resource }) => resource.kind === name);
  if (kind === undefined) throw new Error(`there is no kind ${name}`);
  return kind;
}

export function anObject(
  { namespace }: Server,
  kind: string,
  name: string,
  spec: unknown,
): Wanted<TanrenObject> {
  return { apiVersion: kindOf(kind).resource.apiVersion, kind, metadata: { name, namespace }, spec };
}

/** What is wrong with an object, sorted; empty when it is accepted. */
export type Verdict = { field: string; message: string }[];

/** The API server's verdict, without storing anything. */
export function serverVerdict({ cluster }: Server, wanted: Wanted<TanrenObject>): Promise<Verdict> {
  return verdictOf(() => cluster.tryApply(kindOf(wanted.kind).resource, wanted));
}

/** The verdict of the local adapter's admission. */
export function ownVerdict(wanted: Wanted<TanrenObject>, old?: TanrenObject): Promise<Verdict> {
  return verdictOf(async () => {
    admit(kindOf(wanted.kind), wanted, old);
  });
}

async function verdictOf(act: () => Promise<void>): Promise<Verdict> {
  try {
    await act();
    return [];
  } catch (error) {
    if (!(error instanceof InvalidError)) throw error;
    return error.causes.toSorted((a, b) => (`${a.field} ${a.message}` < `${b.field} ${b.message}` ? -1 : 1));
  }
}
