import type { App } from "cdk8s";
import { labels as kernelLabelNames, managed } from "../../operator/engine/names.ts";
import { spread, token, value, valueToken, when } from "./expression.ts";
import { isCluster, named, namespace, operatorLabels, operatorName, Template } from "./template.ts";

/** Objects of the Prometheus operator, and Grafana's dashboards. */

/** Files of the chart with the dashboards. */
export const dashboardFiles = ["operator.json", "runs.json"] as const;
export const dashboardPath = (file: (typeof dashboardFiles)[number]) => `dashboards/${file}`;

export function monitoring(app: App): void {
  new Template(app, "servicemonitor", { when: value("serviceMonitor.enabled") }).add({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "ServiceMonitor",
    metadata: { name: operatorName, namespace, labels: { [spread]: valueToken("serviceMonitor.labels") } },
    spec: {
      selector: { matchLabels: operatorLabels },
      endpoints: [{ port: "http", interval: valueToken("serviceMonitor.interval") }],
    },
  });
  const { kind, name, stage, attempt } = kernelLabelNames;
  const interval = valueToken("podMonitor.interval");
  new Template(app, "podmonitor", { when: value("podMonitor.enabled") }).add({
    apiVersion: "monitoring.coreos.com/v1",
    kind: "PodMonitor",
    metadata: { name: named("programs"), namespace, labels: { [spread]: valueToken("podMonitor.labels") } },
    spec: {
      selector: { matchLabels: managed },
      namespaceSelector: when(isCluster, { any: true }),
      podTargetLabels: [kind, name, stage, attempt],
      podMetricsEndpoints: [
        { port: "progress", interval },
        { port: "http", interval },
      ],
    },
  });
  new Template(app, "grafana-dashboards", { when: value("grafanaDashboards.enabled") }).add({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: named("dashboards"), namespace, labels: { [spread]: valueToken("grafanaDashboards.labels") } },
    data: Object.fromEntries(dashboardFiles.map((file) => [`tanren-${file}`, token({ file: dashboardPath(file) })])),
  });
}
