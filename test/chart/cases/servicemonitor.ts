import { commonLabels, operatorLabels, type Suite } from "./case.ts";

const enabled = { "serviceMonitor.enabled": true };

export const servicemonitor: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "has the operator scraped by its Service",
      set: enabled,
      makes: ["ServiceMonitor/tanren-operator"],
      expect: {
        "metadata.namespace": "tanren-system",
        "metadata.labels": commonLabels,
        spec: {
          selector: { matchLabels: operatorLabels },
          endpoints: [{ port: "http", honorLabels: true, interval: "30s" }],
        },
      },
    },
    {
      it: "has the labels that Prometheus selects, and another interval",
      set: {
        ...enabled,
        "serviceMonitor.labels": { release: "prometheus" },
        "serviceMonitor.interval": "1m",
      },
      expect: {
        "metadata.labels": { ...commonLabels, release: "prometheus" },
        "spec.endpoints": [{ port: "http", honorLabels: true, interval: "1m" }],
      },
    },
  ],
};
