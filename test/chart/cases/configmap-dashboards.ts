import { z } from "zod";
import { dashboards } from "../../../charts/src/dashboards.ts";
import { commonLabels, type Suite } from "./case.ts";

const enabled = { "grafanaDashboards.enabled": true };
const Texts = z.looseObject({ data: z.record(z.string(), z.string()) });

export const configmapDashboards: Suite = {
  // The files as what they hold: a path cannot have the dot of their names.
  read: (object) => ({
    ...object,
    data: Object.entries(Texts.parse(object).data).map(([name, text]) => [name, JSON.parse(text)]),
  }),
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "has every dashboard, and the label that Grafana's sidecar selects",
      set: enabled,
      makes: ["ConfigMap/tanren-dashboards"],
      expect: {
        "metadata.namespace": "tanren-system",
        "metadata.labels": { ...commonLabels, grafana_dashboard: "1" },
        data: Object.entries(dashboards).map(([name, dashboard]) => [`tanren-${name}`, dashboard]),
      },
    },
    {
      it: "has other labels beside it",
      set: { ...enabled, "grafanaDashboards.labels": { dashboards: "yes" } },
      expect: { "metadata.labels": { ...commonLabels, grafana_dashboard: "1", dashboards: "yes" } },
    },
  ],
};
