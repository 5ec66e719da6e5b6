import { z } from "zod";
import type { TanrenObject } from "../api/kinds.ts";
import { runFields } from "../api/parts.ts";
import type {
  Attempt as AttemptSchema,
  PretrainRunStatus,
  Progress as ProgressSchema,
  StageStatus as StageSchema,
} from "../api/status.ts";
import type { Resource } from "../cluster/resource.ts";
import type { Progress } from "../contract/index.ts";
import type { BatchKind } from "../kinds/batch-kind.ts";

/** What every batch object has, whatever its kind. */

export const RunSpec = z.object(runFields);
export type RunSpec = z.output<typeof RunSpec>;

/** A kind's own fields stand beside these. */
export type RunStatus = z.output<typeof PretrainRunStatus>;

export type Run = TanrenObject<unknown, RunStatus>;
export type Attempt = z.output<typeof AttemptSchema>;
export type StageStatus = z.output<typeof StageSchema>;
export type RunProgress = z.output<typeof ProgressSchema>;
export type KernelProgress = z.output<typeof Progress>;

export const runResource = (kind: BatchKind) => kind.definition.resource as Resource<Run>;
