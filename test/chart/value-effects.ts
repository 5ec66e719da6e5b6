import { type GivenValues, type Settings, valuesOf } from "./release.ts";

/**
 * For every value another one, and the objects that it changes. A value that is missing here fails a test.
 */

export interface Effect {
  path: string;
  value: unknown;
  /** Values that are set on both sides of the comparison. */
  beside?: Settings;
  /** Objects that come, go or change, as Kind/name. */
  changes: string[];
}

const pods = "Deployment/tanren-operator";
/** A change of the configuration rolls the pods. */
const configuration = ["ConfigMap/tanren-operator", pods];
const own = "NetworkPolicy/tanren-operator";
const enabled = { "networkPolicies.enabled": true };
const uiEnabled = { "ui.enabled": true };
const uiPods = "Deployment/tanren-ui";
const digest = `sha256:${"0123456789abcdef".repeat(4)}`;

const policies = [
  "alignmentruns",
  "contextextensions",
  "corpora",
  "evaluations",
  "inferencedeployments",
  "pretrainruns",
].flatMap((plural) => [
  `ValidatingAdmissionPolicy/tanren-operator-${plural}`,
  `ValidatingAdmissionPolicyBinding/tanren-operator-${plural}`,
]);

export const effects: Effect[] = [
  { path: "global.imageRegistry", value: "mirror.example.com/t", changes: configuration },
  {
    path: "mode",
    value: "namespaced",
    changes: [
      ...configuration,
      ...["ClusterRole/tanren-operator", "ClusterRoleBinding/tanren-operator"],
      "FlowSchema/tanren-operator-leader-election",
      ...["Role/tanren-operator", "RoleBinding/tanren-operator"],
    ],
  },
  {
    path: "crds.install",
    value: false,
    changes: [
      ...[
        "alignmentruns",
        "contextextensions",
        "corpora",
        "evaluations",
        "inferencedeployments",
        "pretrainruns",
      ].map((plural) => `CustomResourceDefinition/${plural}.tanren.dev`),
      ...["ClusterRole/tanren-view", "ClusterRole/tanren-edit"],
    ],
  },
  { path: "image.registry", value: "registry.example.com", changes: [pods] },
  { path: "image.repository", value: "forge/operator", changes: [pods] },
  { path: "image.tag", value: "edge", changes: [pods] },
  { path: "image.digest", value: digest, changes: [pods] },
  { path: "image.pullPolicy", value: "Always", changes: [pods] },
  { path: "imagePullSecrets", value: [{ name: "registry-key" }], changes: [pods] },
  { path: "replicas", value: 2, changes: [pods] },
  {
    path: "serviceAccount.create",
    value: false,
    beside: { "serviceAccount.name": "somebody" },
    changes: ["ServiceAccount/somebody"],
  },
  {
    path: "serviceAccount.name",
    value: "somebody",
    changes: [
      pods,
      ...["ServiceAccount/tanren-operator", "ServiceAccount/somebody"],
      ...["ClusterRoleBinding/tanren-operator", "RoleBinding/tanren-leader-election"],
      "FlowSchema/tanren-operator-leader-election",
    ],
  },
  {
    path: "serviceAccount.annotations",
    value: { "a.b/c": "<d> & 'e'" },
    changes: ["ServiceAccount/tanren-operator"],
  },
  { path: "resources", value: { limits: { memory: "1Gi" } }, changes: [pods] },
  { path: "nodeSelector", value: { "node-role": "yes" }, changes: [pods] },
  {
    path: "tolerations",
    value: [{ key: "gpu", operator: "Exists", effect: "NoExecute", tolerationSeconds: 1_000_000 }],
    changes: [pods],
  },
  {
    path: "affinity",
    value: {
      podAntiAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { a: "b" } } },
        ],
      },
    },
    changes: [pods],
  },
  {
    path: "topologySpreadConstraints",
    value: [{ maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" }],
    changes: [pods],
  },
  { path: "priorityClassName", value: "system-cluster-critical", changes: [pods] },
  { path: "extraVolumes", value: [{ name: "certificates", configMap: { name: "ca" } }], changes: [pods] },
  {
    path: "extraVolumeMounts",
    value: [{ name: "certificates", mountPath: "/etc/ssl/own" }],
    changes: [pods],
  },
  { path: "podDisruptionBudget.enabled", value: true, changes: ["PodDisruptionBudget/tanren-operator"] },
  {
    path: "podDisruptionBudget.maxUnavailable",
    value: 2,
    beside: { "podDisruptionBudget.enabled": true },
    changes: ["PodDisruptionBudget/tanren-operator"],
  },
  { path: "logLevel", value: "debug", changes: configuration },
  { path: "workers", value: 16, changes: configuration },
  { path: "progressSeconds", value: 60, changes: configuration },
  { path: "leaderElection.leaseDurationSeconds", value: 60, changes: configuration },
  { path: "leaderElection.renewDeadlineSeconds", value: 12, changes: configuration },
  { path: "leaderElection.retryPeriodSeconds", value: 3, changes: configuration },
  { path: "pods.image.registry", value: "registry.example.com", changes: configuration },
  { path: "pods.image.repository", value: "forge/kernels", changes: configuration },
  { path: "pods.image.tag", value: "edge", changes: configuration },
  { path: "pods.image.digest", value: digest, changes: configuration },
  { path: "pods.imagePullSecrets", value: [{ name: "registry-key" }], changes: configuration },
  { path: "pods.queueName", value: "team-a", changes: configuration },
  {
    path: "pods.extraVolumes",
    value: [{ name: "cache", persistentVolumeClaim: { claimName: "cache" } }],
    changes: configuration,
  },
  { path: "pods.extraVolumeMounts", value: [{ name: "cache", mountPath: "/cache" }], changes: configuration },
  { path: "pods.labels", value: { "example.com/cost-centre": "ml" }, changes: configuration },
  { path: "pods.annotations", value: { "karpenter.sh/do-not-disrupt": "true" }, changes: configuration },
  { path: "pods.env", value: [{ name: "NCCL_IB_HCA", value: "mlx5" }], changes: configuration },
  { path: "pods.runtimeClassName", value: "nvidia", changes: configuration },
  { path: "pods.schedulerName", value: "volcano", changes: configuration },
  {
    path: "pods.topologySpreadConstraints",
    value: [{ topologyKey: "topology.kubernetes.io/zone" }],
    changes: configuration,
  },
  { path: "pods.ephemeralStorage", value: "10Gi", changes: configuration },
  { path: "pods.acceleratorResourceName", value: "amd.com/gpu", changes: configuration },
  {
    path: "pods.resourceClaims",
    value: [{ name: "nic", resourceClaimTemplateName: "rdma" }],
    changes: configuration,
  },
  ...[
    "images",
    "imagePullSecrets",
    "secrets",
    "serviceAccounts",
    "priorityClasses",
    "claims",
    "nodeLabels",
    "taints",
    "runtimeClasses",
    "schedulers",
    "resourceClaimTemplates",
    "podLabels",
    "podAnnotations",
    "env",
  ].map(
    (list): Effect => ({
      path: `allow.${list}`,
      value: ["team-a.*"],
      beside: { "allow.admissionPolicies": true },
      changes: [...configuration, ...policies.filter((name) => !name.includes("Binding"))],
    }),
  ),
  { path: "allow.admissionPolicies", value: true, changes: policies },
  {
    path: "networkPolicies.enabled",
    value: true,
    changes: [...configuration, "ClusterRole/tanren-operator", own, "NetworkPolicy/tanren-runs-deny"],
  },
  {
    path: "networkPolicies.runNamespaces",
    value: ["team-a", "tanren-system", "team-b"],
    beside: enabled,
    // The release's own namespace is named once though it is given again.
    changes: ["NetworkPolicy/team-a/tanren-runs-deny", "NetworkPolicy/team-b/tanren-runs-deny"],
  },
  {
    path: "networkPolicies.clients",
    value: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "apps" } } }],
    beside: enabled,
    changes: configuration,
  },
  {
    path: "networkPolicies.egress",
    value: [{ to: [{ ipBlock: { cidr: "10.1.0.0/16" } }], ports: [{ port: 443, protocol: "TCP" }] }],
    beside: enabled,
    changes: configuration,
  },
  {
    path: "networkPolicies.scrapers",
    value: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } }],
    beside: enabled,
    changes: [own, "NetworkPolicy/tanren-runs-scrape"],
  },
  {
    path: "networkPolicies.apiServer.peers",
    value: [{ ipBlock: { cidr: "10.0.0.1/32" } }],
    beside: enabled,
    changes: [own],
  },
  { path: "networkPolicies.apiServer.ports", value: [16443], beside: enabled, changes: [own] },
  { path: "tracing.endpoint", value: "http://collector.traces:4318", changes: configuration },
  { path: "tracing.samplingRatio", value: 0.1, changes: configuration },
  { path: "serviceMonitor.enabled", value: true, changes: ["ServiceMonitor/tanren-operator"] },
  {
    path: "serviceMonitor.labels",
    value: { release: "prometheus" },
    beside: { "serviceMonitor.enabled": true },
    changes: ["ServiceMonitor/tanren-operator"],
  },
  {
    path: "serviceMonitor.interval",
    value: "1m",
    beside: { "serviceMonitor.enabled": true },
    changes: ["ServiceMonitor/tanren-operator"],
  },
  { path: "podMonitor.enabled", value: true, changes: ["PodMonitor/tanren-programs"] },
  {
    path: "podMonitor.labels",
    value: { release: "prometheus" },
    beside: { "podMonitor.enabled": true },
    changes: ["PodMonitor/tanren-programs"],
  },
  {
    path: "podMonitor.interval",
    value: "1m",
    beside: { "podMonitor.enabled": true },
    changes: ["PodMonitor/tanren-programs"],
  },
  { path: "prometheusRule.enabled", value: true, changes: ["PrometheusRule/tanren-operator"] },
  {
    path: "prometheusRule.labels",
    value: { release: "prometheus" },
    beside: { "prometheusRule.enabled": true },
    changes: ["PrometheusRule/tanren-operator"],
  },
  {
    path: "prometheusRule.runbook",
    value: "https://docs.example.com/tanren/operations",
    beside: { "prometheusRule.enabled": true },
    changes: ["PrometheusRule/tanren-operator"],
  },
  { path: "grafanaDashboards.enabled", value: true, changes: ["ConfigMap/tanren-dashboards"] },
  {
    path: "grafanaDashboards.labels",
    value: { dashboards: "yes" },
    beside: { "grafanaDashboards.enabled": true },
    changes: ["ConfigMap/tanren-dashboards"],
  },
  { path: "ui.enabled", value: true, changes: ["ConfigMap/tanren-ui", uiPods, "Service/tanren-ui"] },
  { path: "ui.replicas", value: 2, beside: uiEnabled, changes: [uiPods] },
  { path: "ui.resources", value: { limits: { memory: "1Gi" } }, beside: uiEnabled, changes: [uiPods] },
  {
    path: "ui.clients",
    value: [{ podSelector: {} }],
    beside: { ...enabled, ...uiEnabled },
    changes: ["NetworkPolicy/tanren-ui"],
  },
];

/** The values of one side, and of the other. */
export const bothSides = ({
  path,
  value,
  beside = {},
}: Effect): { before: GivenValues; after: GivenValues } => ({
  before: valuesOf(beside),
  after: valuesOf({ ...beside, [path]: value }),
});

/** All other values at once, as far as they go together. */
export const everything: GivenValues = valuesOf(
  Object.fromEntries(
    effects
      .filter(({ path }) => !["mode", "crds.install", "serviceAccount.create"].includes(path))
      .flatMap(({ path, value, beside = {} }) => Object.entries({ ...beside, [path]: value })),
  ),
);
