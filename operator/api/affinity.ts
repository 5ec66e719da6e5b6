import { z } from "zod";
import { governed } from "./allowed.ts";
import { atomicList, boundedMap, count, text } from "./fields.ts";

/**
 * core/v1 Affinity with the bounds that a field of ours must have. A misspelt field is refused here, where its
 * author sees it; in the pods' template the API server would drop it in silence.
 */

const key = () => text(317);
const values = () => atomicList(z.string().max(63), 32).optional().describe("values it is compared with");

const NodeSelectorRequirement = z.strictObject({
  key: governed("nodeLabels", key()).describe("label, or field, of a node"),
  operator: z
    .enum(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"])
    .describe("how it is compared with the values"),
  values: values(),
});

const NodeSelectorTerm = z.strictObject({
  matchExpressions: atomicList(NodeSelectorRequirement, 16).optional().describe("labels of the node"),
  matchFields: atomicList(NodeSelectorRequirement, 16)
    .optional()
    .describe("fields of the node, e.g. metadata.name"),
});

const weight = () => count(1, 100).describe("how much it counts");

const NodeAffinity = z.strictObject({
  requiredDuringSchedulingIgnoredDuringExecution: z
    .strictObject({
      nodeSelectorTerms: atomicList(NodeSelectorTerm, 16, 1).describe("one of these must hold"),
    })
    .optional()
    .describe("what a node must be"),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(
    z.strictObject({ weight: weight(), preference: NodeSelectorTerm.describe("what is preferred") }),
    16,
  )
    .optional()
    .describe("what a node should be"),
});

const LabelSelector = z.strictObject({
  matchLabels: boundedMap(z.string().max(317), z.string().max(63), 16)
    .optional()
    .describe("labels that must be there"),
  matchExpressions: atomicList(
    z.strictObject({
      key: key().describe("label"),
      operator: z
        .enum(["In", "NotIn", "Exists", "DoesNotExist"])
        .describe("how it is compared with the values"),
      values: values(),
    }),
    16,
  )
    .optional()
    .describe("conditions that must hold"),
});

const labelKeys = () => atomicList(key(), 16).optional();

const PodAffinityTerm = z.strictObject({
  topologyKey: key().describe("label of nodes that tells places apart, e.g. topology.kubernetes.io/zone"),
  labelSelector: LabelSelector.optional().describe("the other pods"),
  namespaces: atomicList(text(63), 16).optional().describe("namespaces of the other pods"),
  namespaceSelector: LabelSelector.optional().describe("namespaces of the other pods, by label"),
  matchLabelKeys: labelKeys().describe("labels that must be as on the pod itself"),
  mismatchLabelKeys: labelKeys().describe("labels that must not be as on the pod itself"),
});

const PodAffinity = z.strictObject({
  requiredDuringSchedulingIgnoredDuringExecution: atomicList(PodAffinityTerm, 8)
    .optional()
    .describe("where the pods must be"),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(
    z.strictObject({ weight: weight(), podAffinityTerm: PodAffinityTerm.describe("what is preferred") }),
    8,
  )
    .optional()
    .describe("where the pods should be"),
});

export const Affinity = z.strictObject({
  nodeAffinity: NodeAffinity.optional().describe("by labels of nodes"),
  podAffinity: PodAffinity.optional().describe("with other pods"),
  podAntiAffinity: PodAffinity.optional().describe("away from other pods"),
});
