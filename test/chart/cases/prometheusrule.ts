import { alertRules, operatorJob, runbook } from "../../../charts/src/alerts.ts";
import { commonLabels, type Suite } from "./case.ts";

const enabled = { "prometheusRule.enabled": true };

/** The rules file with other words in it. */
const rules = (job: string, served = runbook) =>
  JSON.parse(
    JSON.stringify(alertRules)
      .replaceAll(JSON.stringify(operatorJob).slice(1, -1), JSON.stringify(job).slice(1, -1))
      .replaceAll(`${runbook}#`, `${served}#`),
  );
const ownJob = 'job="tanren-operator", namespace="tanren-system"';

export const prometheusrule: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "has the rules file, about the release's own operator",
      set: enabled,
      makes: ["PrometheusRule/tanren-operator"],
      expect: {
        "metadata.namespace": "tanren-system",
        "metadata.labels": commonLabels,
        spec: rules(ownJob),
      },
    },
    {
      it: "has the labels that Prometheus selects, and links to where the runbook is served",
      set: {
        ...enabled,
        "prometheusRule.labels": { release: "prometheus" },
        "prometheusRule.runbook": "https://docs.example.com/operations",
      },
      expect: {
        "metadata.labels": { ...commonLabels, release: "prometheus" },
        spec: rules(ownJob, "https://docs.example.com/operations"),
      },
    },
  ],
};
