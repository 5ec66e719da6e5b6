import { z } from "zod";
import type { Artifact, Inputs, Reference } from "../api/artifact.ts";
import type { KindDefinition, TanrenObject } from "../api/kinds.ts";
import { runFields } from "../api/parts.ts";
import type {
  Attempt as AttemptSchema,
  Plan,
  PretrainRunStatus,
  Progress as ProgressSchema,
  StageStatus as StageSchema,
} from "../api/status.ts";
import type { Resource } from "../cluster/resource.ts";
import type { Progress, Result, StageProgram } from "../contract/index.ts";
import type { Refusal } from "../estimates/refusal.ts";
import { computeNeeds, type Need, storageNeeds } from "./needs.ts";

/**
 * What a batch kind means, as pure functions. The engine of `operator/runs` turns it into Jobs and status; a
 * new kind is a value of this type and no change to the engine.
 */
export interface BatchKind<Spec = unknown> {
  readonly definition: KindDefinition;

  /**
   * Objects of the same namespace whose artifacts the run reads; each has a role that is unique within the
   * run.
   */
  references(spec: Spec): Reference[];

  /** What it names beside them, but for compute and storage, which are alike for every kind. */
  needs(spec: Spec): Need[];

  /** What forbids the run although all inputs are there, e.g. TokenizerMismatch; undefined: nothing. */
  refuse(spec: Spec, inputs: Inputs): Refusal | undefined;

  /** What the run will take. Inputs that have no artifact yet are absent: then the plan says what it can. */
  plan(spec: Spec, inputs: Inputs): Plan;

  /** Stages in order. Each begins when the one before it has succeeded. */
  stages(spec: Spec, inputs: Inputs): Stage[];

  /**
   * Fields of status beyond what every run has, from the results of the stages that have completed, by stage
   * name.
   */
  results(spec: Spec, inputs: Inputs, results: ReadonlyMap<string, KernelResult>): Record<string, unknown>;

  /**
   * The same from a stage that has not completed: what its program says while it runs, or as it fails. Absent:
   * nothing is known before the end.
   */
  partialResults?(said: Pick<KernelResult, "funnel">): Record<string, unknown>;
}

export type KernelResult = z.output<typeof Result>;

export interface Stage {
  name: string;
  program: StageProgram;
  /** Pods of the stage's Job. */
  pods: number;
  /**
   * How the pods relate: `independent` pods divide a list of tasks by index; `gang` pods form one torch
   * process group.
   */
  coupling: "independent" | "gang";
  /** Processes of each pod: GPUs, or 1. */
  processesPerPod: number;
  gpusPerPod: number;
  /** What a save may take; absent where nothing is saved on being asked to stop, or nobody knows how much. */
  saveSeconds?: number;
  /** Mounted read-only at inputs/<name> of the working directory; path may be a directory or a file. */
  mounts: Mount[];
  /** Whether the stage ends with an artifact; the last stage that has one gives the run's. */
  artifact: boolean;
  /**
   * The program's configuration without what the engine adds (run, output, threads). `done` has the artifacts
   * of the stages before. Directories of other stages of the run are at output/<stage>, checkpoints at
   * output/checkpoints/<stage>.
   */
  config(done: ReadonlyMap<string, Artifact>): Record<string, unknown>;
}

export interface Mount {
  name: string;
  claimName: string;
  /** Below the claim's root; "." is the root. */
  path: string;
}

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

/** All that a run names beside objects of the six kinds. */
export const needsOfRun = <Spec>(kind: BatchKind<Spec>, spec: Spec): Need[] => {
  const { compute, storage } = spec as RunSpec;
  return [...kind.needs(spec), ...storageNeeds(storage), ...computeNeeds(compute)];
};

export const runResource = (kind: BatchKind) => kind.definition.resource as Resource<Run>;
