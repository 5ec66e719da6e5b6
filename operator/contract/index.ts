import type { z } from "zod";
import { CleanConfig, DeduplicateConfig, TokenizeConfig } from "./corpus.ts";
import { EvaluateConfig, GenerateConfig, JudgeConfig } from "./inference.ts";
import { TrainConfig } from "./train.ts";

/** The contract between operator and kernels: what a program is given, what it says, how it ends. */
export { CleanConfig, DeduplicateConfig, TokenizeConfig } from "./corpus.ts";
export { EvaluateConfig, GenerateConfig, JudgeConfig, ServeConfig } from "./inference.ts";
export { Manifest } from "./manifest.ts";
export { longestProgress, mostMetrics, Progress, programPort, Result } from "./result.ts";
export { TrainConfig } from "./train.ts";

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
