import {
  type InferenceDeployment,
  inferenceDeployment,
  type PretrainRun,
  pretrainRun,
} from "../../operator/api/kinds.ts";
import type { ConfigMap, Deployment, Job, PodSpec, Wanted } from "../../operator/cluster/objects.ts";
import { samples } from "../../operator/testing/samples.ts";

/** Objects of the contract suite, in the shape that reconcilers give theirs. */

/** The program that the world plays. */
export const steered = "steered-program";
export const containerName = "kernel";
const port = 8000;

const probe = { httpGet: { path: "/readyz", port }, periodSeconds: 1, failureThreshold: 1 };

export interface PodOptions {
  /** Whether readiness is probed, so that the test decides it. */
  probed?: boolean;
  graceSeconds?: number;
  amounts?: Record<string, string>;
  claimName?: string;
  env?: { name: string; value: string }[];
}

export function aPodSpec(restartPolicy: "Never" | "Always", options: PodOptions = {}): PodSpec {
  const { probed = false, graceSeconds = 30, amounts = { cpu: "10m" }, claimName, env = [] } = options;
  return {
    restartPolicy,
    terminationGracePeriodSeconds: graceSeconds,
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } },
    volumes: claimName === undefined ? [] : [{ name: "output", persistentVolumeClaim: { claimName } }],
    containers: [
      {
        name: containerName,
        image: "kernels:test",
        command: [steered],
        workingDir: "/tanren",
        env: [{ name: "POD_IP", valueFrom: { fieldRef: { fieldPath: "status.podIP" } } }, ...env],
        ports: [{ name: "http", containerPort: port }],
        resources: { requests: amounts, limits: amounts },
        volumeMounts:
          claimName === undefined ? [] : [{ name: "output", mountPath: "/tanren/output", subPath: "run" }],
        ...(probed && { readinessProbe: probe }),
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } },
        terminationMessagePolicy: "File",
      },
    ],
  };
}

/** An Indexed Job of one pod that is never tried again, unless `spec` says otherwise. */
export function aJob(
  { namespace }: { namespace: string },
  name: string,
  spec: Partial<Job["spec"]> = {},
  options: PodOptions = {},
): Wanted<Job> {
  const labels = { "tanren.dev/uid": name };
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: { name, namespace, labels },
    spec: {
      completionMode: "Indexed",
      completions: 1,
      parallelism: spec.completions ?? 1,
      ...(spec.backoffLimitPerIndex === undefined && { backoffLimit: 0 }),
      podReplacementPolicy: "Failed",
      ...spec,
      template: { metadata: { labels }, spec: aPodSpec("Never", options) },
    },
  };
}

export function aDeployment(
  { namespace }: { namespace: string },
  name: string,
  version: string,
  spec: Partial<Deployment["spec"]> = {},
): Wanted<Deployment> {
  const matchLabels = { "tanren.dev/uid": name };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, namespace, labels: matchLabels },
    spec: {
      replicas: 2,
      selector: { matchLabels },
      strategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
      progressDeadlineSeconds: 600,
      ...spec,
      template: {
        metadata: {
          labels: { ...matchLabels, "tanren.dev/config": version },
          annotations: { "tanren.dev/artifact-digest": version },
        },
        spec: aPodSpec("Always", { probed: true }),
      },
    },
  };
}

/** The Job as it was read, with another word on suspension: how the engine stops and resumes a run. */
export function restated(job: Job, suspend: boolean): Wanted<Job> {
  const { apiVersion, kind, metadata, spec } = job;
  const { name, namespace, labels, annotations, ownerReferences } = metadata;
  return {
    apiVersion,
    kind,
    metadata: {
      name,
      namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(ownerReferences && { ownerReferences }),
    },
    spec: { ...spec, suspend },
  };
}

/** An endpoint of ours: the living kind, whose spec may always change. */
export function anEndpoint(
  { namespace }: { namespace: string },
  name: string,
  spec: Record<string, unknown> = {},
) {
  return {
    apiVersion: inferenceDeployment.resource.apiVersion,
    kind: inferenceDeployment.resource.kind,
    metadata: { name, namespace },
    spec: { ...samples.InferenceDeployment, ...spec },
    // The type is that of what is stored; what is stated here may lack what the schema fills in, and be wrong
    // on purpose.
  } as unknown as Wanted<InferenceDeployment>;
}

export function aRun({ namespace }: { namespace: string }, name: string, spec: Record<string, unknown> = {}) {
  return {
    apiVersion: pretrainRun.resource.apiVersion,
    kind: pretrainRun.resource.kind,
    metadata: { name, namespace },
    spec: { ...samples.PretrainRun, ...spec },
    // As of an endpoint: may lack what the schema fills in, and be wrong on purpose.
  } as unknown as Wanted<PretrainRun>;
}

export function aConfigMap(
  { namespace }: { namespace: string },
  name: string,
  data: Record<string, string> = {},
  metadata: Partial<Wanted<ConfigMap>["metadata"]> = {},
): Wanted<ConfigMap> {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ...metadata }, data };
}
