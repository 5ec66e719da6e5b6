import type { z } from "zod";
import type { AlignmentRunSpec } from "../api/alignment-run.ts";
import type { Artifact } from "../api/artifact.ts";
import type { ContextExtensionSpec } from "../api/context-extension.ts";
import type { CorpusSpec } from "../api/corpus.ts";
import type { PretrainRunSpec } from "../api/pretrain-run.ts";
import type { ExpectedInput } from "../estimates/model-figures.ts";
import { pretrainedModel } from "../kinds/pretrain-run/kind.ts";

/**
 * Figures of the artifact an object will make, as far as its manifest tells. Only these are looked at by
 * plans and refusals.
 */
export type ExpectedFigures = Pick<
  Artifact,
  "type" | "tokenizerDigest" | "vocabularySize" | "contextLength" | "parameters" | "tokens"
> &
  Pick<ExpectedInput, "shape">;

type Inputs = ReadonlyMap<string, ExpectedInput>;

/** `named` stands for a digest that nobody knows yet: the tokenizer trained by this very object. */
export function expectedCorpus(
  spec: z.output<typeof CorpusSpec>,
  inputs: Inputs,
  named: string,
): ExpectedFigures {
  const other = inputs.get("tokenizer")?.artifact;
  // Removal makes the vocabulary smaller by what it finds: this is an upper bound.
  const vocabularySize = spec.tokenizer.train?.vocabularySize ?? other?.vocabularySize;
  const tokenizerDigest = spec.tokenizer.train ? `of ${named}` : other?.tokenizerDigest;
  return figures({ type: "corpus", vocabularySize, tokenizerDigest, tokens: spec.mixture.tokens });
}

export function expectedBaseModel(spec: z.output<typeof PretrainRunSpec>, inputs: Inputs): ExpectedFigures {
  const model = pretrainedModel(spec, inputs);
  return figures({
    type: "model",
    parameters: model?.parameters,
    shape: model?.shape,
    vocabularySize: model?.vocabularySize,
    tokenizerDigest: inputs.get("corpus")?.artifact.tokenizerDigest,
    contextLength: spec.sequenceLength,
  });
}

export function expectedExtension(
  spec: z.output<typeof ContextExtensionSpec>,
  inputs: Inputs,
): ExpectedFigures {
  return { ...ofParent(inputs), contextLength: spec.contextLength };
}

export function expectedAlignment(_spec: z.output<typeof AlignmentRunSpec>, inputs: Inputs): ExpectedFigures {
  return ofParent(inputs);
}

/**
 * A model made from a model keeps all that the plan looks at. An imported one tells nothing before it is
 * read.
 */
function ofParent(inputs: Inputs): ExpectedFigures {
  const parent = inputs.get("model");
  if (!parent) return { type: "model" };
  const { parameters, vocabularySize, tokenizerDigest, contextLength } = parent.artifact;
  return figures({
    type: "model",
    parameters,
    vocabularySize,
    tokenizerDigest,
    contextLength,
    shape: parent.shape,
  });
}

/** Without the fields that are unknown, so that "absent" has one form. */
function figures(
  all: { type: Artifact["type"] } & { [Field in keyof ExpectedFigures]?: ExpectedFigures[Field] | undefined },
): ExpectedFigures {
  const known = Object.entries(all).filter(([, value]) => value !== undefined);
  return { type: all.type, ...Object.fromEntries(known) };
}
