import { z } from "zod";
import { operatorLabels, type Suite } from "./case.ts";

const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
const peers = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "apps" } } }];
const claim = [{ name: "cache", persistentVolumeClaim: { claimName: "cache" } }];

/** Fields are those of the operator's configuration. */
/** What a platform puts on every pod. */
const platform = {
  "pods.labels": { "example.com/cost-centre": "ml" },
  "pods.annotations": { "karpenter.sh/do-not-disrupt": "true" },
  "pods.env": [{ name: "NCCL_DEBUG", value: "INFO" }],
  "pods.runtimeClassName": "nvidia",
  "pods.schedulerName": "volcano",
  "pods.topologySpreadConstraints": [{ topologyKey: "topology.kubernetes.io/zone" }],
  "pods.ephemeralStorage": "10Gi",
  "pods.acceleratorResourceName": "amd.com/gpu",
  "pods.resourceClaims": [{ name: "nic", resourceClaimTemplateName: "rdma" }],
};

export const configmap: Suite = {
  read: (object) => {
    const Data = z.looseObject({ data: z.strictObject({ "config.json": z.string() }) });
    return JSON.parse(Data.parse(object).data["config.json"]);
  },
  cases: [
    {
      it: "looks after all namespaces, with a Lease of the release's name",
      makes: ["ConfigMap/tanren-operator"],
      expect: { "leaderElection.enabled": true, "leaderElection.leaseName": "tanren-operator", port: 8080 },
      absent: ["namespace", "pods.queueName", "networkPolicies.operator"],
    },
    {
      it: "looks after the release's namespace alone",
      set: { mode: "namespaced" },
      expect: { namespace: "tanren-system" },
    },
    {
      it: "hands on what the operator reads",
      set: { logLevel: "debug", workers: 16, progressSeconds: 60 },
      expect: { logLevel: "debug", workers: 16, progressSeconds: 60 },
    },
    {
      it: "hands on the times of the Lease",
      set: {
        "leaderElection.leaseDurationSeconds": 60,
        "leaderElection.renewDeadlineSeconds": 12,
        "leaderElection.retryPeriodSeconds": 3,
      },
      expect: {
        "leaderElection.leaseDurationSeconds": 60,
        "leaderElection.renewDeadlineSeconds": 12,
        "leaderElection.retryPeriodSeconds": 3,
      },
    },
    {
      it: "takes the kernels' image from the registry of all images",
      set: { "global.imageRegistry": "mirror.example.com:5000/t", "pods.image.tag": "1" },
      expect: { "pods.image": "mirror.example.com:5000/t/tanren-kernels:1" },
    },
    {
      it: "takes the kernels' image from a registry of its own, by its digest",
      set: {
        "global.imageRegistry": "mirror.example.com",
        "pods.image.registry": "registry.example.com",
        "pods.image.repository": "forge/kernels",
        "pods.image.tag": "edge",
        "pods.image.digest": digest,
      },
      expect: { "pods.image": `registry.example.com/forge/kernels@${digest}` },
    },
    {
      it: "hands on what every pod of a run gets",
      set: {
        "pods.imagePullSecrets": [{ name: "registry-key" }],
        "pods.queueName": "team-a",
        "pods.extraVolumes": claim,
        "pods.extraVolumeMounts": [{ name: "cache", mountPath: "/cache" }],
        ...platform,
      },
      expect: {
        "pods.imagePullSecrets": [{ name: "registry-key" }],
        "pods.queueName": "team-a",
        "pods.extraVolumes": claim,
        "pods.extraVolumeMounts": [{ name: "cache", mountPath: "/cache" }],
        ...platform,
      },
    },
    {
      it: "hands on what specs may use",
      set: {
        "allow.images": ["registry.example.com/*"],
        "allow.imagePullSecrets": ["registry"],
        "allow.secrets": [],
        "allow.serviceAccounts": ["runs"],
        "allow.priorityClasses": ["batch"],
        "allow.nodeLabels": ["pool"],
        "allow.taints": ["nvidia.com/gpu"],
        "allow.runtimeClasses": ["nvidia"],
        "allow.schedulers": ["default-scheduler"],
        "allow.resourceClaimTemplates": ["rdma"],
        "allow.podLabels": ["example.com/*"],
        "allow.podAnnotations": ["karpenter.sh/do-not-disrupt"],
        "allow.env": ["NCCL_*"],
        "allow.admissionPolicies": true,
      },
      expect: {
        allow: {
          images: ["registry.example.com/*"],
          imagePullSecrets: ["registry"],
          secrets: [],
          serviceAccounts: ["runs"],
          priorityClasses: ["batch"],
          claims: ["*"],
          nodeLabels: ["pool"],
          taints: ["nvidia.com/gpu"],
          runtimeClasses: ["nvidia"],
          schedulers: ["default-scheduler"],
          resourceClaimTemplates: ["rdma"],
          podLabels: ["example.com/*"],
          podAnnotations: ["karpenter.sh/do-not-disrupt"],
          env: ["NCCL_*"],
        },
      },
    },
    {
      it: "keeps a name that YAML would take for a number",
      set: { "pods.queueName": "1e3" },
      expect: { "pods.queueName": "1e3" },
    },
    {
      it: "hands on where traces are sent",
      set: { "tracing.endpoint": "http://collector.traces:4318", "tracing.samplingRatio": 0.1 },
      expect: { tracing: { endpoint: "http://collector.traces:4318", samplingRatio: 0.1 } },
    },
    {
      it: "sends no traces unless it is told where",
      expect: { tracing: { samplingRatio: 1 } },
    },
    {
      it: "has policies made that let the operator's pods and the clients in",
      set: {
        "networkPolicies.enabled": true,
        "networkPolicies.clients": peers,
        "networkPolicies.egress": [{ to: peers }],
      },
      expect: {
        networkPolicies: {
          enabled: true,
          operator: {
            namespace: "tanren-system",
            podLabels: operatorLabels,
          },
          clients: peers,
          egress: [{ to: peers }],
        },
      },
    },
  ],
};
