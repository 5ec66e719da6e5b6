import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { isIPv6 } from "node:net";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { z } from "zod";
import { ClusterError } from "../../port.ts";

/** Where the API server's address and the credentials come from. */
export interface KubeConfigSource {
  /**
   * A kubeconfig file; absent: KUBECONFIG, then ~/.kube/config, then the service account of the pod this runs
   * in.
   */
  path?: string;
  /** Context of the kubeconfig; absent: its current one. */
  context?: string;
  /** Of whoever asks, in the place of all that the kubeconfig or the pod says of a user. */
  token?: string;
  /** The service account of the pod this runs in, whatever kubeconfig there is. */
  inCluster?: boolean;
}

const Cluster = z.object({
  server: z.string().transform((server) => server.replace(/\/+$/, "")),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.boolean().default(false),
  "tls-server-name": z.string().optional(),
  "proxy-url": z.string().optional(),
});

const User = z.object({
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  as: z.string().optional(),
  "as-uid": z.string().optional(),
  "as-groups": z.array(z.string()).optional(),
  exec: z.unknown().optional(),
  "auth-provider": z.unknown().optional(),
});

const Context = z.object({
  cluster: z.string(),
  user: z.string().default(""),
  namespace: z.string().optional(),
});

/** kubectl writes null for an empty list. */
const entries = <Entry extends z.ZodType>(entry: Entry) =>
  z
    .array(entry)
    .nullish()
    .transform((list) => list ?? []);

/** The parts of a kubeconfig that say where and who. */
const KubeConfigFile = z.object({
  clusters: entries(z.object({ name: z.string(), cluster: Cluster })),
  users: entries(z.object({ name: z.string(), user: User.nullish().transform((user) => user ?? {}) })),
  contexts: entries(z.object({ name: z.string(), context: Context })),
  "current-context": z.string().default(""),
});
type KubeConfigFile = z.output<typeof KubeConfigFile>;

/** One context of a kubeconfig, with what it names; paths are absolute. */
export interface Identity {
  context: string;
  /** `default` where the context names none. */
  namespace: string;
  cluster: z.output<typeof Cluster>;
  user: Partial<z.output<typeof User>>;
}

/** Loaded where there is a kubeconfig: an operator in a pod has none, and does without the 12 MiB. */
const parseYaml = (text: string): unknown => {
  const yaml = createRequire(import.meta.url)("yaml") as typeof import("yaml");
  return yaml.parse(text);
};

const serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount";

export function loadIdentity({ token, ...source }: KubeConfigSource): Identity {
  const identity = configuredIdentity(source);
  return token === undefined ? identity : { ...identity, user: { token } };
}

function configuredIdentity(source: Omit<KubeConfigSource, "token">): Identity {
  const files = filesOf(source);
  if (files === undefined) return serviceAccountIdentity();
  const config = merged(files.map(loadFile));
  const known = config.contexts.map(({ name }) => name).join(", ") || "no context at all";
  const name = source.context ?? config["current-context"];
  const context = config.contexts.find((entry) => entry.name === name)?.context;
  if (context === undefined) {
    const lack = name === "" ? "no current context" : `no context ${name}`;
    throw new ClusterError(`the kubeconfig has ${lack}; it has ${known}: choose one of them`);
  }
  const cluster = config.clusters.find((entry) => entry.name === context.cluster)?.cluster;
  const user = config.users.find((entry) => entry.name === context.user)?.user;
  if (cluster === undefined || (user === undefined && context.user !== "")) {
    const missing = cluster === undefined ? `cluster ${context.cluster}` : `user ${context.user}`;
    throw new ClusterError(
      `context ${name} of the kubeconfig names ${missing}, which is not in it; choose another`,
    );
  }
  return { context: name, namespace: context.namespace ?? "default", cluster, user: user ?? {} };
}

/**
 * The files that kubectl would read, of which KUBECONFIG may name some that are not there; undefined: a pod's
 * service account.
 */
function filesOf({
  path,
  inCluster = false,
}: Pick<KubeConfigSource, "path" | "inCluster">): string[] | undefined {
  if (inCluster) return undefined;
  if (path !== undefined) return [path];
  const named = (process.env.KUBECONFIG ?? "").split(delimiter).filter((file) => file !== "");
  const present = (named.length > 0 ? named : [join(homedir(), ".kube", "config")]).filter((file) =>
    existsSync(file),
  );
  if (present.length > 0) return present;
  if (named.length === 0 && existsSync(join(serviceAccount, "token"))) return undefined;
  throw new ClusterError(
    named.length > 0
      ? `there is no kubeconfig: KUBECONFIG names ${named.join(", ")}, which does not exist`
      : "there is no kubeconfig; set KUBECONFIG to one, or write ~/.kube/config",
  );
}

function loadFile(file: string): KubeConfigFile {
  let content: unknown;
  try {
    content = parseYaml(readFileSync(file, "utf8"));
  } catch (cause) {
    throw new ClusterError(
      `kubeconfig ${file} cannot be read (${(cause as Error).message}); name a valid one`,
      {
        cause,
      },
    );
  }
  const read = KubeConfigFile.safeParse(content ?? {});
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new ClusterError(
      `kubeconfig ${file}: ${issue?.path.join(".")}: ${issue?.message}; name a valid one`,
    );
  }
  const absolute = <Entry extends object>(entry: Entry, keys: (keyof Entry)[]): Entry => {
    const paths = keys.flatMap((key) =>
      entry[key] === undefined ? [] : [[key, resolve(dirname(file), String(entry[key]))]],
    );
    return { ...entry, ...Object.fromEntries(paths) };
  };
  return {
    ...read.data,
    clusters: read.data.clusters.map(({ name, cluster }) => ({
      name,
      cluster: absolute(cluster, ["certificate-authority"]),
    })),
    users: read.data.users.map(({ name, user }) => ({
      name,
      user: absolute(user as z.output<typeof User>, ["client-certificate", "client-key", "tokenFile"]),
    })),
  };
}

/**
 * As kubectl merges: of several entries of a name the first counts, and so does the first current context.
 */
function merged(files: readonly KubeConfigFile[]): KubeConfigFile {
  return {
    clusters: files.flatMap(({ clusters }) => clusters),
    users: files.flatMap(({ users }) => users),
    contexts: files.flatMap(({ contexts }) => contexts),
    "current-context": files.map((file) => file["current-context"]).find((context) => context !== "") ?? "",
  };
}

function serviceAccountIdentity(): Identity {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = "443" } = process.env;
  if (host === undefined || !existsSync(join(serviceAccount, "token"))) {
    throw new ClusterError("this is no pod with a service account; name a kubeconfig file instead");
  }
  return {
    context: "service-account",
    namespace: readFileSync(join(serviceAccount, "namespace"), "utf8").trim(),
    cluster: {
      server: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
      "certificate-authority": join(serviceAccount, "ca.crt"),
      "insecure-skip-tls-verify": false,
    },
    user: { tokenFile: join(serviceAccount, "token") },
  };
}
