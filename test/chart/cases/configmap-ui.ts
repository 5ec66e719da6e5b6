import { parse } from "yaml";
import { z } from "zod";
import type { Suite } from "./case.ts";

const ConfigMap = z.object({ data: z.object({ kubeconfig: z.string() }) });

/** The kubeconfig of the page's server is looked at as its reader does. */
export const configmapUi: Suite = {
  read: (object) => parse(ConfigMap.parse(object).data.kubeconfig),
  cases: [
    { it: "is not there by default", makes: [] },
    {
      it: "says where the API server is, and has nobody's credentials",
      set: { "ui.enabled": true },
      makes: ["ConfigMap/tanren-ui"],
      expect: {
        "clusters[0].cluster": {
          server: "https://kubernetes.default.svc",
          "certificate-authority": "/etc/tanren/ca/ca.crt",
        },
        "contexts[0].context": { cluster: "cluster", namespace: "tanren-system", user: "" },
        "current-context": "cluster",
      },
      absent: ["users"],
    },
  ],
};
