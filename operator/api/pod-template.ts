import { z } from "zod";
import { governed } from "./allowed.ts";
import { boundedMap, type CelRule, count, mapList, objectName, text } from "./fields.ts";

/**
 * Fields of core/v1 Pod that a platform puts on every pod of a kernel, and a spec on its own pods. Formats are
 * those that the API server holds pods to, so that what it would refuse later is refused where it is written.
 */

const subdomainPattern = "[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const namePattern = "[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?";

/** DNS subdomain: what most objects of a cluster are named by. */
export const subdomain = () =>
  z
    .string()
    .min(1)
    .max(253)
    .regex(new RegExp(`^${subdomainPattern}$`));

/** Extended resource of a node, e.g. nvidia.com/gpu. */
export const extendedResource = () =>
  z
    .string()
    .max(253)
    .regex(new RegExp(`^${subdomainPattern}/${namePattern}$`));

const keyExpression = `^(${subdomainPattern}/)?${namePattern}$`;
const ownLabels = ["app.kubernetes.io/managed-by", "app.kubernetes.io/part-of"];
const ownPrefix = "tanren.dev/";

const keyRule: CelRule = {
  rule: `self.all(key, key.size() <= 253 && key.matches('${keyExpression}'))`,
  message:
    "keys are an optional DNS subdomain with a slash and a name of at most 63 letters, digits, '-', '_' and '.'",
};
const reservedKeyRule: CelRule = {
  rule: `!self.exists(key, key.startsWith('${ownPrefix}') || key in [${ownLabels.map((key) => `'${key}'`).join(", ")}])`,
  message: `${ownPrefix}*, ${ownLabels.join(" and ")} are the operator's own; choose other keys`,
};

const isKey = (key: string) => key.length <= 253 && new RegExp(keyExpression).test(key);
const isReservedKey = (key: string) => key.startsWith(ownPrefix) || ownLabels.includes(key);

/** zod sees what a rule sees: the operator's configuration meets no API server. */
const metadataMap = <V extends z.ZodType>(value: V) =>
  boundedMap(z.string(), value, 32)
    .refine((map) => Object.keys(map).every(isKey), keyRule.message)
    .refine((map) => !Object.keys(map).some(isReservedKey), reservedKeyRule.message)
    .meta({ maxProperties: 32, "x-kubernetes-validations": [keyRule, reservedKeyRule] });

export const podLabels = () =>
  metadataMap(
    z
      .string()
      .max(63)
      .regex(/^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/),
  );

export const podAnnotations = () => metadataMap(z.string().max(4096));

/** What programs and torchrun are told by the operator, and by the Job. */
const ownVariables = ["POD_IP", "HOME", "OMP_NUM_THREADS", "JOB_COMPLETION_INDEX"];
const torchrunVariables = [
  ...["MASTER_ADDR", "MASTER_PORT", "NNODES", "NPROC_PER_NODE"],
  ...["RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE"],
];
const reservedVariables = [...ownVariables, ...torchrunVariables];
const reservedVariableRule: CelRule = {
  rule: `!self.startsWith('TANREN_') && !(self in [${reservedVariables.map((name) => `'${name}'`).join(", ")}])`,
  message: `TANREN_*, ${reservedVariables.join(", ")} are the operator's own; choose another name`,
};

const variableName = () =>
  z
    .string()
    .max(253)
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/)
    .refine(
      (name) => !name.startsWith("TANREN_") && !reservedVariables.includes(name),
      reservedVariableRule.message,
    )
    .meta({ "x-kubernetes-validations": [reservedVariableRule] });

const variables = <N extends z.ZodType>(name: N) =>
  mapList(
    z.strictObject({
      name: name.describe("name of the variable"),
      value: z.string().max(4096).default("").describe("value, as it is; no secret belongs here"),
    }),
    "name",
    64,
  );

/** Environment of the platform's. */
export const podEnv = () => variables(variableName());
/** Environment of a spec's. */
export const governedPodEnv = () => variables(governed("env", variableName()));

const resourceClaims = <N extends z.ZodType>(template: N) =>
  mapList(
    z.strictObject({
      name: objectName().describe("name of the claim within the pod"),
      resourceClaimTemplateName: template.describe(
        "ResourceClaimTemplate (resource.k8s.io/v1) in the same namespace, from which each pod gets a claim of its own",
      ),
    }),
    "name",
    8,
  );

export const podResourceClaims = () => resourceClaims(subdomain());
export const governedPodResourceClaims = () =>
  resourceClaims(governed("resourceClaimTemplates", subdomain()));

export const TopologySpreadConstraint = z.strictObject({
  maxSkew: count(1, 1000).default(1).describe("most pods that one domain may have more than another"),
  topologyKey: text(253).describe("node label whose values are the domains"),
  whenUnsatisfiable: z
    .enum(["ScheduleAnyway", "DoNotSchedule"])
    .default("ScheduleAnyway")
    .describe("whether a pod that cannot be spread runs all the same, or waits"),
});
