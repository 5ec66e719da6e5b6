import type { z } from "zod";
import type { CorpusSpec } from "../../api/corpus.ts";
import { corpus } from "../../api/kinds.ts";
import type { Plan } from "../../api/status.ts";
import { rankOf } from "../../estimates/hardware.ts";
import { firstRefusal, invalidSpec, type Refusal, refuseDecimals } from "../../estimates/refusal.ts";
import type { BatchKind, KernelResult } from "../batch-kind.ts";
import { claimNeed } from "../needs.ts";
import { cleaningNeeds, refuseStages } from "./cleaning.ts";
import { corpusStages, tokenizerRole } from "./stages.ts";

type Spec = z.output<typeof CorpusSpec>;

export const corpusKind: BatchKind<Spec> = {
  definition: corpus,
  references: ({ tokenizer }) =>
    tokenizer.fromCorpus ? [{ role: tokenizerRole, kind: "Corpus", name: tokenizer.fromCorpus.name }] : [],
  needs: (spec) => [
    ...spec.sources.map(({ name, from, format, textField, include }, index) =>
      claimNeed(from, `sources[${index}].from`, { format, parent: `source/${name}`, include, textField }),
    ),
    ...cleaningNeeds(spec),
  ],
  refuse: (spec) =>
    firstRefusal(
      () => refuseGpus(spec),
      () => refusePatterns(spec),
      () => refuseStages(spec),
      () =>
        refuseDecimals([
          { field: "heldOutShare", value: spec.heldOutShare, above: 0, below: 1 },
          { field: "mixture.maxEpochs", value: spec.mixture.maxEpochs, atLeast: 1 },
        ]),
    ),
  plan: corpusPlan,
  stages: corpusStages,
  results: (_spec, _inputs, results) => ({ funnel: funnelOf(results) }),
  partialResults: ({ funnel }) => (funnel ? { funnel: rowsOf(funnel) } : {}),
};

function refuseGpus({ compute }: Spec): Refusal | undefined {
  if (compute.gpusPerNode === 0) return undefined;
  return invalidSpec(
    `spec.compute.gpusPerNode is ${compute.gpusPerNode}, but the corpus programs use no GPU; set it to 0`,
  );
}

function refusePatterns({ sources }: Spec): Refusal | undefined {
  for (const [index, { include }] of sources.entries()) {
    const outside = include.find((pattern) => pattern.startsWith("/") || pattern.split("/").includes(".."));
    if (outside === undefined) continue;
    return invalidSpec(
      `spec.sources[${index}].include ${JSON.stringify(outside)} leads out of the source's directory; write it relative to spec.sources[${index}].from`,
    );
  }
  return undefined;
}

/**
 * How long cleaning takes and what it holds in memory depends on the documents: of that nothing can be said
 * beforehand.
 */
function corpusPlan({ compute, mixture }: Spec): Plan {
  const { memoryBytes } = rankOf(compute);
  return {
    ranks: compute.nodes,
    tokens: mixture.tokens,
    memoryLimitPerRankBytes: memoryBytes,
  };
}

/** Each program's funnel begins with the steps of the programs before it, so the newest is the whole. */
function funnelOf(results: ReadonlyMap<string, KernelResult>): Record<string, unknown>[] | undefined {
  const funnel = ["tokenize", "deduplicate", "clean"]
    .map((stage) => results.get(stage)?.funnel)
    .find((rows) => rows);
  return funnel && rowsOf(funnel);
}

const rowsOf = (funnel: NonNullable<KernelResult["funnel"]>): Record<string, unknown>[] =>
  funnel.map((row) => ({
    step: row.step,
    language: row.language,
    documentsIn: row.documents_in,
    documentsOut: row.documents_out,
    bytesIn: row.bytes_in,
    bytesOut: row.bytes_out,
    dropped: row.dropped,
  }));
