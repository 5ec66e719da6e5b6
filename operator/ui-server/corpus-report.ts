import { z } from "zod";
import { HttpError } from "./http-error.ts";
import { openReport } from "./stage-files.ts";
import type { View, ViewedObject } from "./view.ts";

/**
 * What the corpus programs leave for people to look at (kernels/tanren_kernels/corpus/report.py): bounded by them,
 * and held to its shape here, for whoever ran the program need not be trusted.
 */

const word = z.string().max(1000);
const text = z.string().max(2000);
const count = z.int().min(0);
const share = z.number().nullable();

const Bin = z.object({ of: word, from: z.number(), to: z.number(), documents: count });

export const CorpusReport = z.object({
  lengths: z.array(Bin.extend({ language: word })).max(5000),
  scores: z.array(Bin).max(100),
  classifiers: z
    .array(
      z.object({
        stage: word,
        held_out: count,
        threshold: z.number(),
        precision: share,
        recall: share,
        accuracy: share,
        calibration: z
          .array(
            z.object({
              from: z.number(),
              to: z.number(),
              documents: count,
              mean_probability: share,
              clean_share: share,
            }),
          )
          .max(100),
        curve: z.array(z.object({ threshold: z.number(), precision: share, recall: share })).max(100),
      }),
    )
    .max(32),
  /** step and reason are empty where the document stayed. */
  samples: z
    .array(
      z.object({
        step: word,
        reason: word,
        language: word,
        source: word.optional(),
        id: text,
        url: z.string().max(20_000).optional(),
        score: z.number().optional(),
        characters: count,
        text,
      }),
    )
    .max(20_000),
  clusters: z
    .array(z.object({ kept: text, dropped: count, least_similarity: z.number() }))
    .max(100)
    .optional(),
  pairs: z
    .array(
      z.object({
        similarity: z.number(),
        kept: z.object({ id: text, text }),
        dropped: z.object({ id: text, text }),
      }),
    )
    .max(100)
    .optional(),
  tokenizer: z
    .looseObject({
      vocabulary_size: count,
      removed_tokens: count.optional(),
      languages: z
        .array(
          z.object({
            language: word,
            characters_per_token: z.number(),
            tokens: count,
            available_tokens: count,
            held_out_tokens: count,
          }),
        )
        .max(256),
    })
    .optional(),
});
export type CorpusReport = z.output<typeof CorpusReport>;

const mostBytes = 16 * 2 ** 20;

/** The newest one that the stages have left. */
export async function readCorpusReport(view: View, object: ViewedObject): Promise<CorpusReport> {
  const { kind, metadata } = object;
  const file = await openReport(view, object);
  if (file === undefined)
    throw new HttpError(
      404,
      `${kind} ${metadata.name} has no report of its documents yet; one comes when its stage clean ends, with several nodes when its documents are deduplicated`,
    );
  try {
    const { size } = await file.stat();
    if (size > mostBytes)
      throw new HttpError(413, `the report of ${metadata.name} has ${size} bytes, over ${mostBytes}`);
    const parsed = CorpusReport.safeParse(parseJson(await file.readFile("utf8")));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new HttpError(
      422,
      `the report of ${metadata.name} is not what this version reads (${issue?.path.join(".")}: ${issue?.message}); run the Corpus again`,
    );
  } finally {
    await file.close();
  }
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}
