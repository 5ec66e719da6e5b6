import { type App, JsonPatch } from "cdk8s";
import { configurationPart, operatorPort } from "./configuration.ts";
import { type Expression, each, item, token, type ValuePath, value, valueToken, when } from "./expression.ts";
import { imageReference } from "./image.ts";
import { namespace, operatorLabels, operatorName, Template } from "./template.ts";

/** The operator itself: its account, its configuration, its pods and how they are reached and evicted. */

const accountName: Expression = {
  either: [value("serviceAccount.name"), { text: [{ release: "Name" }, "-operator"] }],
};
export const serviceAccount = token(accountName);

/** Any user without a name; the kernels' too. */
const user = 65_532;
const configurationFolder = "/etc/tanren";

export function workload(app: App): void {
  account(new Template(app, "serviceaccount", { when: value("serviceAccount.create") }));
  new Template(app, "configuration").add({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: operatorName, namespace },
    data: { "config.json": token({ json: configurationPart }) },
  });
  new Template(app, "deployment").add({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: operatorName, namespace },
    spec: {
      replicas: valueToken("replicas"),
      selector: { matchLabels: operatorLabels },
      // The one that acts goes only when another stands ready to take over.
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      template: {
        metadata: {
          labels: operatorLabels,
          // The operator reads its configuration once: another configuration needs other pods.
          annotations: { "checksum/configuration": token({ sha256OfJson: configurationPart }) },
        },
        spec: pod(),
      },
    },
  });
  new Template(app, "service").add({
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: operatorName, namespace, labels: { "app.kubernetes.io/component": "operator" } },
    spec: {
      selector: operatorLabels,
      ports: [{ name: "http", port: operatorPort, targetPort: "http", protocol: "TCP" }],
    },
  });
  new Template(app, "poddisruptionbudget", { when: value("podDisruptionBudget.enabled") }).add({
    apiVersion: "policy/v1",
    kind: "PodDisruptionBudget",
    metadata: { name: operatorName, namespace },
    spec: {
      maxUnavailable: valueToken("podDisruptionBudget.maxUnavailable"),
      selector: { matchLabels: operatorLabels },
    },
  });
}

function account(template: Template): void {
  const made = template.add({
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: serviceAccount, namespace },
    automountServiceAccountToken: false,
  });
  const annotations = when(value("serviceAccount.annotations"), valueToken("serviceAccount.annotations"));
  made.addJsonPatch(JsonPatch.add("/metadata/annotations", annotations));
}

const optional = (path: ValuePath) => when(value(path), valueToken(path));

function pod() {
  return {
    serviceAccountName: serviceAccount,
    automountServiceAccountToken: true,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: user,
      runAsGroup: user,
      fsGroup: user,
      seccompProfile: { type: "RuntimeDefault" },
    },
    containers: [container()],
    volumes: [{ name: "configuration", configMap: { name: operatorName } }, each(value("extraVolumes"), token(item))],
    imagePullSecrets: optional("imagePullSecrets"),
    nodeSelector: optional("nodeSelector"),
    tolerations: optional("tolerations"),
    affinity: optional("affinity"),
    topologySpreadConstraints: optional("topologySpreadConstraints"),
    priorityClassName: optional("priorityClassName"),
  };
}

/** With what the API server would add: two managers that state the same would be at odds otherwise, for the map is one to it. */
const fieldRef = (fieldPath: string) => ({ fieldRef: { apiVersion: "v1", fieldPath } });

function container() {
  const probe = (path: string) => ({ httpGet: { path, port: "http" }, periodSeconds: 10, timeoutSeconds: 5 });
  return {
    name: "operator",
    image: imageReference("image"),
    imagePullPolicy: valueToken("image.pullPolicy"),
    command: ["node", "operator/manager.ts", "--config", `${configurationFolder}/config.json`],
    env: [
      { name: "POD_NAME", valueFrom: fieldRef("metadata.name") },
      { name: "POD_NAMESPACE", valueFrom: fieldRef("metadata.namespace") },
    ],
    ports: [{ name: "http", containerPort: operatorPort, protocol: "TCP" }],
    // On a node whose processors are taken, a process with a small request starts and answers slowly; killing it makes it slower.
    startupProbe: { ...probe("/healthz"), periodSeconds: 2, failureThreshold: 90 },
    livenessProbe: { ...probe("/healthz"), failureThreshold: 6 },
    readinessProbe: { ...probe("/readyz"), failureThreshold: 3 },
    resources: optional("resources"),
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    },
    volumeMounts: [
      { name: "configuration", mountPath: configurationFolder, readOnly: true },
      each(value("extraVolumeMounts"), token(item)),
    ],
  };
}
