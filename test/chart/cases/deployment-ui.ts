import { version } from "../release.ts";
import { type Suite, uiLabels } from "./case.ts";

const pod = "spec.template.spec";
const container = `${pod}.containers[0]`;
const enabled = { "ui.enabled": true };
const toleration = { key: "gpu", operator: "Exists", effect: "NoExecute", tolerationSeconds: 1_000_000 };

export const deploymentUi: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "serves the page without any right of its own, in the restricted Pod Security Standard",
      set: enabled,
      makes: ["Deployment/tanren-ui"],
      expect: {
        "spec.replicas": 1,
        "spec.selector.matchLabels": uiLabels,
        "spec.template.metadata.labels": uiLabels,
        [`${pod}.automountServiceAccountToken`]: false,
        [`${pod}.securityContext.runAsNonRoot`]: true,
        [`${pod}.securityContext.seccompProfile`]: { type: "RuntimeDefault" },
        [`${container}.image`]: `tanren-operator:${version}`,
        [`${container}.command`]: [
          ...["node", "operator/cli/main.ts", "ui", "--shared", "--port", "8080"],
          ...["--kubeconfig", "/etc/tanren/kubeconfig"],
        ],
        [`${container}.securityContext`]: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        },
        [`${container}.resources`]: {
          requests: { cpu: "10m", memory: "128Mi" },
          limits: { memory: "512Mi" },
        },
        [`${pod}.volumes[0].projected.sources`]: [
          { configMap: { name: "tanren-ui" } },
          { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca/ca.crt" }] } },
        ],
      },
      absent: ["serviceAccountName", "imagePullSecrets", "nodeSelector", "tolerations"].map(
        (field) => `${pod}.${field}`,
      ),
    },
    {
      it: "is the operator's image, and stands where the operator may",
      set: {
        ...enabled,
        "image.registry": "registry.example.com",
        "image.tag": "edge",
        "image.pullPolicy": "Always",
        imagePullSecrets: [{ name: "registry-key" }],
        nodeSelector: { "node-role": "yes" },
        tolerations: [toleration],
      },
      expect: {
        [`${container}.image`]: "registry.example.com/tanren-operator:edge",
        [`${container}.imagePullPolicy`]: "Always",
        [`${pod}.imagePullSecrets`]: [{ name: "registry-key" }],
        [`${pod}.nodeSelector`]: { "node-role": "yes" },
        [`${pod}.tolerations`]: [toleration],
      },
    },
    {
      it: "has replicas and resources of its own",
      set: { ...enabled, "ui.replicas": 2, "ui.resources": { limits: { memory: "1Gi" } } },
      expect: {
        "spec.replicas": 2,
        [`${container}.resources`]: {
          requests: { cpu: "10m", memory: "128Mi" },
          limits: { memory: "1Gi" },
        },
      },
    },
  ],
};
