import { version } from "../release.ts";
import { operatorLabels, type Suite } from "./case.ts";

const pod = "spec.template.spec";
const image = `${pod}.containers[0].image`;
const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const certificates = { name: "certificates", configMap: { name: "ca" } };
const mount = { name: "certificates", mountPath: "/etc/ssl/own" };
const toleration = { key: "gpu", operator: "Exists", effect: "NoExecute", tolerationSeconds: 1_000_000 };
const spread = { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" };
const affinity = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { a: "b" } } },
    ],
  },
};

/** What it makes by default is compared with the plain manifests. */
export const deployment: Suite = {
  cases: [
    {
      it: "says nothing that nobody has set",
      makes: ["Deployment/tanren-operator"],
      expect: { [image]: `tanren-operator:${version}` },
      absent: ["imagePullSecrets", "nodeSelector", "tolerations", "affinity", "topologySpreadConstraints"]
        .concat("priorityClassName")
        .map((field) => `${pod}.${field}`),
    },
    {
      it: "takes the image from the registry of all images",
      set: { "global.imageRegistry": "mirror.example.com/t", "image.tag": "edge" },
      expect: { [image]: "mirror.example.com/t/tanren-operator:edge" },
    },
    {
      it: "takes the image from a registry of its own, by its digest",
      set: {
        "global.imageRegistry": "mirror.example.com",
        "image.registry": "registry.example.com",
        "image.repository": "forge/operator",
        "image.tag": "edge",
        "image.digest": digest,
        "image.pullPolicy": "Always",
        imagePullSecrets: [{ name: "registry-key" }],
      },
      expect: {
        [image]: `registry.example.com/forge/operator@${digest}`,
        [`${pod}.containers[0].imagePullPolicy`]: "Always",
        [`${pod}.imagePullSecrets`]: [{ name: "registry-key" }],
      },
    },
    { it: "has replicas", set: { replicas: 2 }, expect: { "spec.replicas": 2 } },
    {
      it: "runs as a ServiceAccount of another name, be it one that YAML would take for a number",
      set: { "serviceAccount.create": false, "serviceAccount.name": "1e3" },
      expect: { [`${pod}.serviceAccountName`]: "1e3" },
    },
    {
      it: "lays resources over the defaults, entry by entry",
      set: { resources: { limits: { memory: "1Gi" } } },
      expect: {
        [`${pod}.containers[0].resources`]: {
          requests: { cpu: "50m", memory: "128Mi" },
          limits: { memory: "1Gi" },
        },
      },
    },
    {
      it: "goes where it is told to",
      set: {
        nodeSelector: { "node-role": "yes" },
        tolerations: [toleration],
        affinity,
        topologySpreadConstraints: [spread],
        priorityClassName: "system-cluster-critical",
      },
      expect: {
        [`${pod}.nodeSelector`]: { "node-role": "yes" },
        [`${pod}.tolerations`]: [toleration],
        [`${pod}.affinity`]: affinity,
        [`${pod}.topologySpreadConstraints`]: [spread],
        [`${pod}.priorityClassName`]: "system-cluster-critical",
      },
    },
    {
      it: "mounts more volumes beside its configuration",
      set: { extraVolumes: [certificates], extraVolumeMounts: [mount] },
      expect: {
        [`${pod}.volumes`]: [{ name: "configuration", configMap: { name: "tanren-operator" } }, certificates],
        [`${pod}.containers[0].volumeMounts`]: [
          { name: "configuration", mountPath: "/etc/tanren", readOnly: true },
          mount,
        ],
      },
    },
    {
      it: "keeps its selector whatever the values: it is immutable",
      set: { mode: "namespaced", replicas: 3, "image.tag": "edge" },
      expect: {
        "spec.selector.matchLabels": operatorLabels,
        "spec.template.metadata.labels": operatorLabels,
      },
    },
  ],
};
