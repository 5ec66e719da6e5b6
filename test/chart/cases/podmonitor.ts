import { labels, managed } from "../../../operator/engine/names.ts";
import { commonLabels, type Suite } from "./case.ts";

const enabled = { "podMonitor.enabled": true };
const endpoints = (interval: string) => [
  { port: "progress", interval },
  { port: "http", interval },
];

export const podmonitor: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "has the pods scraped that the operator makes, with what they belong to as labels",
      set: enabled,
      makes: ["PodMonitor/tanren-programs"],
      expect: {
        "metadata.namespace": "tanren-system",
        "metadata.labels": commonLabels,
        spec: {
          selector: { matchLabels: managed },
          namespaceSelector: { any: true },
          podTargetLabels: [labels.kind, labels.name, labels.stage, labels.attempt],
          podMetricsEndpoints: endpoints("30s"),
        },
      },
    },
    {
      it: "keeps to the release's namespace in mode namespaced",
      set: { ...enabled, mode: "namespaced" },
      absent: ["spec.namespaceSelector"],
    },
    {
      it: "has the labels that Prometheus selects, and another interval",
      set: { ...enabled, "podMonitor.labels": { release: "prometheus" }, "podMonitor.interval": "1m" },
      expect: {
        "metadata.labels": { ...commonLabels, release: "prometheus" },
        "spec.podMetricsEndpoints": endpoints("1m"),
      },
    },
  ],
};
