import { readFileSync } from "node:fs";
import {
  apiVersion,
  group,
  inferenceDeployment,
  type KindDefinition,
  kinds,
} from "../../operator/api/kinds.ts";
import { generatedYaml } from "./yaml.ts";

/** What GitOps tools must be told to see how runs are, by file name. */

const lives = (kind: KindDefinition) => kind.resource.kind === inferenceDeployment.resource.kind;

/** The health check of every kind, for Argo CD. */
export const healthScript = readFileSync(new URL("health.lua", import.meta.url), "utf8");

/** For ConfigMap argocd-cm in Argo CD's namespace. */
const argocd = () => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "argocd-cm", namespace: "argocd", labels: { "app.kubernetes.io/part-of": "argocd" } },
  data: Object.fromEntries(
    kinds.map((kind) => [`resource.customizations.health.${group}_${kind.resource.kind}`, healthScript]),
  ),
});

const is = (type: string) =>
  `has(status.conditions) && status.conditions.exists(c, c.type == '${type}' && c.status == 'True')`;

/**
 * How Flux is to read a kind; that the newest version was seen it checks by itself. A run counts as applied
 * once the operator has taken it on: a Kustomization that waited for days of training would time out. An
 * endpoint counts when it is as it was asked for: it may answer before, with an older model.
 */
export const healthExpressions = (kind: KindDefinition) => ({
  apiVersion,
  kind: kind.resource.kind,
  failed: is("Stalled"),
  current: lives(kind) ? `${is("Ready")} && !(${is("Reconciling")})` : "has(status.conditions)",
});

const flux = () => ({
  apiVersion: "kustomize.toolkit.fluxcd.io/v1",
  kind: "Kustomization",
  metadata: { name: "models", namespace: "flux-system" },
  spec: {
    interval: "10m",
    path: "./models",
    prune: true,
    wait: true,
    timeout: "15m",
    sourceRef: { kind: "GitRepository", name: "models" },
    healthCheckExprs: kinds.map(healthExpressions),
  },
});

export function gitopsFiles(): Record<string, string> {
  return { "argocd-cm.yaml": generatedYaml(argocd()), "flux-kustomization.yaml": generatedYaml(flux()) };
}
