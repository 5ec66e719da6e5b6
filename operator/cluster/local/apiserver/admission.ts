import { randomInt } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { Deployment, Job, KubernetesObject, ObjectMeta, Pod, PodSpec } from "../../objects.ts";
import { InvalidError } from "../../port.ts";
import { quantityValue } from "../../quantity.ts";
import type { Resource } from "../../resource.ts";
import { allowNothing } from "../../rolling-update.ts";
import type { Stored } from "./object-files.ts";

/** A kind of ours: what its CRD is to the API server. */
export interface CustomResource {
  resource: Resource<KubernetesObject>;
  /** The spec with its defaults. Throws InvalidError when the schema or a rule refuses it. */
  admit(candidate: Candidate, old: KubernetesObject | undefined): unknown;
}

export interface Candidate {
  metadata: Pick<ObjectMeta, "name" | "namespace">;
  spec?: unknown;
}

type Cause = { field: string; message: string };

const subdomain = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const dnsLabel = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const labelKey = /^([-a-z0-9.]{1,253}\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;
/** Names become file names: `<name>.json` must fit in 255 bytes. */
const longestName = 250;

/** Decides over every apply: the object as it is to be stored, or InvalidError with every cause. */
export class Admission {
  readonly #custom: ReadonlyMap<string, CustomResource>;

  constructor(customResources: readonly CustomResource[]) {
    this.#custom = new Map(customResources.map((custom) => [custom.resource.plural, custom]));
  }

  admit(plural: string, candidate: Stored, old: Stored | undefined): Stored {
    const custom = this.#custom.get(plural);
    const causes = [...metadataCauses(candidate), ...(custom ? [] : builtinCauses(candidate, old))];
    const { kind, metadata } = candidate;
    if (causes.length > 0) throw new InvalidError(kind, `${metadata.namespace}/${metadata.name}`, causes);
    return custom ? { ...candidate, spec: custom.admit(candidate, old && structuredClone(old)) } : candidate;
  }
}

function metadataCauses({ metadata }: Stored): Cause[] {
  const causes: Cause[] = [];
  if (!subdomain.test(metadata.name) || metadata.name.length > longestName) {
    causes.push({
      field: "metadata.name",
      message: `"${metadata.name}" is not a DNS subdomain of at most ${longestName} characters`,
    });
  }
  if (!dnsLabel.test(metadata.namespace)) {
    causes.push({ field: "metadata.namespace", message: `"${metadata.namespace}" is not a DNS label` });
  }
  for (const [key, value] of Object.entries(metadata.labels ?? {})) {
    if (!labelKey.test(key) || !labelValue.test(value)) {
      causes.push({
        field: "metadata.labels",
        message: `"${key}: ${value}" is not a label: at most 63 of A-Za-z0-9-_.`,
      });
    }
  }
  return causes;
}

function builtinCauses(candidate: Stored, old: Stored | undefined): Cause[] {
  switch (candidate.kind) {
    case "Job":
      return jobCauses(candidate as Job, old as Job | undefined);
    case "Deployment":
      return deploymentCauses(candidate as Deployment, old as Deployment | undefined);
    case "Pod":
      return podCauses(candidate as Pod, old as Pod | undefined);
    case "PersistentVolumeClaim":
      return old ? changed(candidate.spec, old.spec, ["accessModes", "storageClassName"]) : [];
    case "ConfigMap":
    case "Secret":
      return old && "immutable" in old && old.immutable
        ? changed(candidate, old, ["data", "immutable"], "", "field is immutable when `immutable` is set")
        : [];
    default:
      return [];
  }
}

/** batch/v1 validation of updates: what a Job's controller has acted on can no longer change. */
const immutableOfJob = [
  "completions",
  "selector",
  "template",
  "completionMode",
  "podFailurePolicy",
  "backoffLimitPerIndex",
];

function jobCauses(job: Job, old: Job | undefined): Cause[] {
  const lastHost = `${job.metadata.name}-${job.spec.completions - 1}`;
  if (!dnsLabel.test(lastHost)) {
    return [
      {
        field: "metadata.name",
        message: `will not be able to create pods with the invalid DNS label "${lastHost}"`,
      },
    ];
  }
  const { spec } = job.spec.template;
  return [
    ...restartCauses(spec, ["Never", "OnFailure"]),
    ...quantityCauses(spec, "spec.template.spec"),
    ...(old ? changed(job.spec, old.spec, immutableOfJob) : []),
  ];
}

function deploymentCauses({ spec }: Deployment, old: Deployment | undefined): Cause[] {
  const causes = [
    ...restartCauses(spec.template.spec, ["Always"]),
    ...quantityCauses(spec.template.spec, "spec.template.spec"),
    ...(old ? changed(spec, old.spec, ["selector"]) : []),
  ];
  const labels = spec.template.metadata.labels;
  if (Object.entries(spec.selector.matchLabels).some(([key, value]) => labels[key] !== value)) {
    causes.push({
      field: "spec.template.metadata.labels",
      message: "`selector` does not match template `labels`",
    });
  }
  const rolling = spec.strategy.type === "RollingUpdate" ? spec.strategy.rollingUpdate : undefined;
  if (rolling && allowNothing(rolling)) {
    causes.push({
      field: "spec.strategy.rollingUpdate.maxUnavailable",
      message: "may not be 0 when `maxSurge` is 0",
    });
  }
  return causes;
}

function podCauses(pod: Pod, old: Pod | undefined): Cause[] {
  if (old && !isDeepStrictEqual(unbound(pod), unbound(old))) return [immutable("spec")];
  return quantityCauses(pod.spec, "spec");
}

function restartCauses({ restartPolicy }: PodSpec, supported: readonly PodSpec["restartPolicy"][]): Cause[] {
  const message = `unsupported value "${restartPolicy}": supported values: ${supported.join(", ")}`;
  return supported.includes(restartPolicy) ? [] : [{ field: "spec.template.spec.restartPolicy", message }];
}

function quantityCauses({ containers }: PodSpec, prefix: string): Cause[] {
  const stated = containers.flatMap(({ resources }, index) =>
    Object.entries(resources).flatMap(([kind, amounts]) =>
      Object.entries(amounts).map(([name, amount]) => ({
        field: `resources.${kind}.${name}`,
        index,
        amount,
      })),
    ),
  );
  return stated
    .filter(({ amount }) => !isQuantity(amount))
    .map(({ field, index, amount }) => ({
      field: `${prefix}.containers[${index}].${field}`,
      message: `"${amount}" is not a quantity such as 500m, 2 or 4Gi`,
    }));
}

function isQuantity(text: string): boolean {
  try {
    return quantityValue(text) >= 0;
  } catch {
    return false; // what quantityValue refuses
  }
}

function unbound(pod: Pod): Omit<Pod["spec"], "nodeName"> {
  const { nodeName: _, ...spec } = pod.spec;
  return spec;
}

function immutable(field: string, message = "field is immutable"): Cause {
  return { field, message };
}

function changed(
  now: unknown,
  old: unknown,
  fields: readonly string[],
  prefix = "spec.",
  message?: string,
): Cause[] {
  const [next, before] = [now, old] as Record<string, unknown>[];
  return fields
    .filter((field) => !isDeepStrictEqual(next?.[field], before?.[field]))
    .map((field) => immutable(`${prefix}${field}`, message));
}

/** No vowels and no look-alikes: what the API server builds generated names from. */
const alphabet = "bcdfghjklmnpqrstvwxz2456789";

/** Five random characters, as in the names of generated pods. */
export function podSuffix(): string {
  return Array.from({ length: 5 }, () => alphabet[randomInt(alphabet.length)]).join("");
}
