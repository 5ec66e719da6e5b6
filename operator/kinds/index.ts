import { alignmentRunKind } from "./alignment-run/kind.ts";
import type { BatchKind } from "./batch-kind.ts";
import { contextExtensionKind } from "./context-extension/kind.ts";
import { corpusKind } from "./corpus/kind.ts";
import { evaluationKind } from "./evaluation/kind.ts";
import { pretrainRunKind } from "./pretrain-run/kind.ts";

export { alignmentRunKind, contextExtensionKind, corpusKind, evaluationKind, pretrainRunKind };

/** Every batch kind, in the order of the chain. */
export const batchKinds: readonly BatchKind[] = [
  corpusKind,
  pretrainRunKind,
  contextExtensionKind,
  alignmentRunKind,
  evaluationKind,
];
