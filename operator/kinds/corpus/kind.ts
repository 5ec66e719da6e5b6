import type { z } from "zod";
import type { CorpusSpec } from "../../api/corpus.ts";
import { corpus } from "../../api/kinds.ts";
import type { Plan } from "../../api/status.ts";
import { rankOf } from "../../estimates/hardware.ts";
import {
  type BoundedDecimal,
  firstRefusal,
  invalidSpec,
  type Refusal,
  refuseDecimals,
} from "../../estimates/refusal.ts";
import type { BatchKind, KernelResult } from "../batch-kind.ts";
import { claimNeed } from "../needs.ts";
import { cleaningNeeds, refuseStages } from "./cleaning.ts";
import { corpusStages, mixtureTokens, tokenizerRole } from "./stages.ts";

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
    ...(spec.tokenizer.from
      ? [claimNeed(spec.tokenizer.from, "tokenizer.from", { format: "tokenizer", parent: tokenizerRole })]
      : []),
  ],
  refuse: (spec) =>
    firstRefusal(
      () => refuseGpus(spec),
      () => refusePatterns(spec),
      () => refuseMixture(spec),
      () => refuseStages(spec),
      () =>
        refuseDecimals([
          { field: "heldOutShare", value: spec.heldOutShare, above: 0, below: 1 },
          { field: "mixture.maxEpochs", value: spec.mixture.maxEpochs, atLeast: 1 },
          ...spec.mixture.sources.flatMap(({ weight, maxEpochs }, index) => [
            { field: `mixture.sources[${index}].weight`, value: weight, above: 0 },
            { field: `mixture.sources[${index}].maxEpochs`, value: maxEpochs ?? "1", above: 0 },
          ]),
          ...percents("mixture.ratios", spec.mixture.ratios),
          ...percents("tokenizer.train.ratios", spec.tokenizer.train?.ratios ?? []),
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

const percents = (
  field: string,
  parts: readonly { percent?: number | string | undefined }[],
): BoundedDecimal[] =>
  parts.map(({ percent = 1 }, index) => ({
    field: `${field}[${index}].percent`,
    value: String(percent),
    above: 0,
  }));

/** What a list names must be among the sources; a language must keep one whose licence is allowed. */
function refuseMixture({ sources, mixture, tokenizer: { train } }: Spec): Refusal | undefined {
  const unknown = mixture.sources.findIndex(({ name }) => !sources.some((source) => source.name === name));
  if (unknown >= 0)
    return invalidSpec(
      `spec.mixture.sources[${unknown}].name ${mixture.sources[unknown]?.name} is no source; name one of ${sources.map(({ name }) => name).join(", ")}`,
    );
  const usable = sources.filter(({ licence }) => mixture.licences?.includes(licence) ?? true);
  for (const [field, parts] of [
    ["mixture.ratios", mixture.ratios],
    ["tokenizer.train.ratios", train?.ratios ?? []],
  ] as const)
    for (const [index, { language }] of parts.entries()) {
      if (usable.some((source) => source.language === language)) continue;
      const cause = mixture.licences ? " whose licence spec.mixture.licences has" : "";
      return invalidSpec(
        `spec.${field}[${index}].language ${language} has no source${cause}; add a source, or take the part out`,
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
    tokens: mixtureTokens(mixture),
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
