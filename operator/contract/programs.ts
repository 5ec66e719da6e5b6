import type { z } from "zod";
import { CleanConfig } from "./corpus.ts";
import { DeduplicateConfig } from "./deduplicate.ts";
import { GenerateConfig } from "./generation.ts";
import { EvaluateConfig } from "./inference.ts";
import { JudgeConfig } from "./judge.ts";
import { TokenizeConfig } from "./tokenize.ts";
import { TrainConfig } from "./train.ts";

/** Programs that run to an end, each the work of one stage. */
export type StageProgram = "clean" | "deduplicate" | "tokenize" | "train" | "generate" | "judge" | "evaluate";

/** What the configuration of each must be. */
export const stagePrograms: Readonly<Record<StageProgram, z.ZodType>> = {
  clean: CleanConfig,
  deduplicate: DeduplicateConfig,
  tokenize: TokenizeConfig,
  train: TrainConfig,
  generate: GenerateConfig,
  judge: JudgeConfig,
  evaluate: EvaluateConfig,
};
