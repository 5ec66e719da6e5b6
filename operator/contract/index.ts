/** The contract between operator and kernels: what a program is given, what it says, how it ends. */
export { CleanConfig } from "./corpus.ts";
export { DeduplicateConfig } from "./deduplicate.ts";
export { GenerateConfig } from "./generation.ts";
export { EvaluateConfig } from "./inference.ts";
export { JudgeConfig } from "./judge.ts";
export { Manifest } from "./manifest.ts";
export { type StageProgram, stagePrograms } from "./programs.ts";
export { Progress } from "./progress.ts";
export { Result } from "./result.ts";
export { ServeConfig } from "./serve.ts";
export { TokenizeConfig } from "./tokenize.ts";
export { TrainConfig } from "./train.ts";
