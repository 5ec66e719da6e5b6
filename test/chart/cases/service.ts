import { commonLabels, operatorLabels, type Suite } from "./case.ts";

export const service: Suite = {
  cases: [
    {
      it: "reaches the operator's port, and says what it belongs to, by which a ServiceMonitor finds it",
      makes: ["Service/tanren-operator"],
      expect: {
        "metadata.labels": { ...commonLabels, ...operatorLabels },
        spec: {
          selector: operatorLabels,
          ports: [{ name: "http", port: 8080, targetPort: "http", protocol: "TCP" }],
        },
      },
    },
  ],
};
