import { createHash } from "node:crypto";
import { ApiObject, App, Chart, JsonPatch } from "cdk8s";
import { OperatorConfiguration } from "../../operator/api/configuration.ts";
import { customResourceDefinition } from "../../operator/api/crd.ts";
import { kinds } from "../../operator/api/kinds.ts";
import { editRules, leaderElectionRules, operatorRules, type Rule, viewRules } from "./rights.ts";
import { Values } from "./values.ts";

/**
 * The plain installation: the objects of the Helm chart with its default values, for people without Helm. The
 * chart's templates are written by hand; a test renders them by Helm and compares object by object.
 */
export interface Installation {
  name: string;
  namespace: string;
  mode: Values["mode"];
  /** Of the images, and of the label that names it. */
  version: string;
}

const { image, pods, replicas, resources } = Values.parse({});
const rbac = "rbac.authorization.k8s.io";

/** Any user without a name; the kernels' too. */
const user = 65_532;
const configurationFolder = "/etc/tanren";

/**
 * What belongs to the cluster whichever operator looks after it: definitions, and what people may do with
 * them.
 */
export function clusterObjects({ name, version }: Pick<Installation, "name" | "version">): unknown[] {
  const chart = new Chart(new App(), "cluster", chartProps(name, version));
  for (const kind of kinds) {
    const { metadata, spec } = customResourceDefinition(kind);
    const definition = {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: metadata as { name: string },
    };
    // As it is: cdk8s would put the fields of the schema in alphabetical order.
    new ApiObject(chart, kind.resource.plural, definition).addJsonPatch(JsonPatch.add("/spec", spec));
  }
  aggregatedRole(chart, `${name}-view`, viewRules, ["view"]);
  aggregatedRole(chart, `${name}-edit`, editRules, ["edit", "admin"]);
  return chart.toJson();
}

/** Whoever may view or edit a namespace may view or edit its runs: the cluster's own roles take these in. */
function aggregatedRole(chart: Chart, name: string, rules: readonly Rule[], into: readonly string[]): void {
  const labels = Object.fromEntries(into.map((role) => [`${rbac}/aggregate-to-${role}`, "true"]));
  new ApiObject(chart, name, {
    apiVersion: `${rbac}/v1`,
    kind: "ClusterRole",
    metadata: { name, labels },
    rules,
  });
}

/** The operator: its rights, its account, its configuration, its pods and how they are reached. */
export function operatorObjects(installation: Installation): unknown[] {
  const { namespace, mode, version } = installation;
  const name = `${installation.name}-operator`;
  const metadata = { name, namespace };
  const chart = new Chart(new App(), "operator", chartProps(installation.name, version));
  const labels = {
    "app.kubernetes.io/name": "tanren",
    "app.kubernetes.io/instance": installation.name,
    "app.kubernetes.io/component": "operator",
  };
  const configuration = OperatorConfiguration.parse({
    ...(mode === "namespaced" && { namespace }),
    leaderElection: { leaseName: name },
    pods: { image: `${pods.image.repository}:${version}` },
  });
  const json = JSON.stringify(sorted(configuration), undefined, 2);

  bound(
    chart,
    "Role",
    { name: `${installation.name}-leader-election`, namespace },
    leaderElectionRules(name),
    metadata,
  );
  if (mode === "cluster") leaseFlow(chart, metadata);
  if (mode === "cluster") bound(chart, "ClusterRole", { name }, operatorRules, metadata);
  else bound(chart, "Role", metadata, operatorRules, metadata);
  new ApiObject(chart, "serviceaccount", {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata,
    automountServiceAccountToken: false,
  });
  new ApiObject(chart, "configmap", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata,
    data: { "config.json": json },
  });
  new ApiObject(chart, "deployment", {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata,
    spec: {
      replicas,
      selector: { matchLabels: labels },
      // The one that acts goes only when another stands ready to take over.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels,
          // The operator reads its configuration once: another configuration needs other pods.
          annotations: { "checksum/configuration": createHash("sha256").update(json).digest("hex") },
        },
        spec: pod(name, version, configuration.port),
      },
    },
  });
  new ApiObject(chart, "service", {
    apiVersion: "v1",
    kind: "Service",
    metadata: { ...metadata, labels: { "app.kubernetes.io/component": "operator" } },
    spec: {
      selector: labels,
      ports: [{ name: "http", port: configuration.port, targetPort: "http", protocol: "TCP" }],
    },
  });
  return chart.toJson();
}

/** A role, bound to the operator's ServiceAccount. */
function bound(
  chart: Chart,
  kind: "ClusterRole" | "Role",
  metadata: { name: string; namespace?: string },
  rules: readonly Rule[],
  account: { name: string; namespace: string },
): void {
  new ApiObject(chart, `role-${metadata.name}`, { apiVersion: `${rbac}/v1`, kind, metadata, rules });
  new ApiObject(chart, `binding-${metadata.name}`, {
    apiVersion: `${rbac}/v1`,
    kind: `${kind}Binding`,
    metadata,
    subjects: [{ kind: "ServiceAccount", ...account }],
    roleRef: { apiGroup: rbac, kind, name: metadata.name },
  });
}

/** The API server answers renewals of the lease apart from the operator's other calls. */
function leaseFlow(chart: Chart, account: { name: string; namespace: string }): void {
  const leases = { apiGroups: ["coordination.k8s.io"], resources: ["leases"] };
  new ApiObject(chart, "flowschema", {
    apiVersion: "flowcontrol.apiserver.k8s.io/v1",
    kind: "FlowSchema",
    metadata: { name: `${account.name}-leader-election` },
    spec: {
      priorityLevelConfiguration: { name: "leader-election" },
      matchingPrecedence: 150,
      distinguisherMethod: { type: "ByUser" },
      rules: [
        {
          subjects: [{ kind: "ServiceAccount", serviceAccount: account }],
          resourceRules: [{ ...leases, verbs: ["get", "create", "update"], namespaces: [account.namespace] }],
        },
      ],
    },
  });
}

function pod(name: string, version: string, port: number) {
  // With the apiVersion that the API server would add: left out, a second manager that states it conflicts
  // with this one.
  const fieldRef = (fieldPath: string) => ({ fieldRef: { apiVersion: "v1", fieldPath } });
  const probe = (path: string) => ({ httpGet: { path, port: "http" }, periodSeconds: 10, timeoutSeconds: 5 });
  return {
    serviceAccountName: name,
    automountServiceAccountToken: true,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [
      {
        name: "operator",
        image: `${image.repository}:${version}`,
        imagePullPolicy: image.pullPolicy,
        command: ["node", "operator/manager.ts", "--config", `${configurationFolder}/config.json`],
        env: [
          { name: "POD_NAME", valueFrom: fieldRef("metadata.name") },
          { name: "POD_NAMESPACE", valueFrom: fieldRef("metadata.namespace") },
        ],
        ports: [{ name: "http", containerPort: port, protocol: "TCP" }],
        // On a node whose processors are taken, a process with a small request starts and answers slowly;
        // killing it makes it slower.
        startupProbe: { ...probe("/healthz"), periodSeconds: 2, failureThreshold: 90 },
        livenessProbe: { ...probe("/healthz"), failureThreshold: 6 },
        readinessProbe: { ...probe("/readyz"), failureThreshold: 3 },
        resources,
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
        volumeMounts: [{ name: "configuration", mountPath: configurationFolder, readOnly: true }],
      },
    ],
    volumes: [{ name: "configuration", configMap: { name } }],
  };
}

const chartProps = (name: string, version: string) => ({
  disableResourceNameHashes: true,
  labels: {
    "app.kubernetes.io/name": "tanren",
    "app.kubernetes.io/instance": name,
    "app.kubernetes.io/version": version,
  },
});

/** Keys in order, as Helm writes JSON. */
function sorted(tree: unknown): unknown {
  if (Array.isArray(tree)) return tree.map(sorted);
  if (typeof tree !== "object" || tree === null) return tree;
  const entries = Object.entries(tree).map(([key, inner]) => [key, sorted(inner)] as const);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
