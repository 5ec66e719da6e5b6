import { commonLabels, type Suite, uiLabels } from "./case.ts";

export const serviceUi: Suite = {
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "reaches the page's port",
      set: { "ui.enabled": true },
      makes: ["Service/tanren-ui"],
      expect: {
        "metadata.labels": { ...commonLabels, ...uiLabels },
        spec: {
          selector: uiLabels,
          ports: [{ name: "http", port: 80, targetPort: "http", protocol: "TCP" }],
        },
      },
    },
  ],
};
