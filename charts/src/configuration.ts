import { type ValuePath, value, valueToken, when } from "./expression.ts";
import { imageReference } from "./image.ts";
import { isNamespaced, namespace, operatorLabels, operatorName } from "./template.ts";

/** Port of /metrics, /healthz and /readyz. Nothing gains from another one: a pod has its ports to itself. */
export const operatorPort = 8080;

/** Name of the part that holds the configuration. */
export const configurationPart = "tanren.configuration";

const optional = (path: ValuePath) => when(value(path), valueToken(path));

/** The operator's configuration: an OperatorConfiguration of operator/api/configuration.ts. */
export const configuration = {
  namespace: when(isNamespaced, namespace),
  logLevel: valueToken("logLevel"),
  workers: valueToken("workers"),
  progressSeconds: valueToken("progressSeconds"),
  port: operatorPort,
  leaderElection: {
    // Even one replica is two for a moment: while a rollout replaces it.
    enabled: true,
    leaseName: operatorName,
    leaseDurationSeconds: valueToken("leaderElection.leaseDurationSeconds"),
    renewDeadlineSeconds: valueToken("leaderElection.renewDeadlineSeconds"),
    retryPeriodSeconds: valueToken("leaderElection.retryPeriodSeconds"),
  },
  pods: {
    image: imageReference("pods.image"),
    imagePullSecrets: valueToken("pods.imagePullSecrets"),
    queueName: optional("pods.queueName"),
    extraVolumes: valueToken("pods.extraVolumes"),
    extraVolumeMounts: valueToken("pods.extraVolumeMounts"),
  },
  networkPolicies: {
    enabled: valueToken("networkPolicies.enabled"),
    operator: when(value("networkPolicies.enabled"), { namespace, podLabels: operatorLabels }),
    clients: valueToken("networkPolicies.clients"),
  },
};
