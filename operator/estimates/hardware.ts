import type { z } from "zod";
import type { Compute, ServingCompute } from "../api/parts.ts";
import { accelerators } from "../api/presets.ts";
import { quantityValue } from "../cluster/quantity.ts";

/** What one rank (a GPU, or the process of a pod without GPUs) has to work with. */
export interface Rank {
  device: "gpu" | "cpu";
  /** Absent for GPUs of a type the spec does not name. */
  memoryBytes?: number;
  /** Arithmetic it sustains in training; absent as above. */
  flops?: number;
}

/**
 * Share of the peak that training sustains: 40 %. Public runs of this shape lie between 33 % (eager FSDP2 on
 * H100) and 51 % (LLaMA-13B on A100: 135,168 GPU hours for 1.0T tokens, Touvron et al. 2023, table 15).
 */
const sustainedShare = 0.4;

/**
 * What training sustains per CPU, to an order of magnitude: measured on a 2020s server core with AVX2 or
 * AVX-512.
 */
const flopsPerCpu = 40e9;

export function rankOf(compute: z.output<typeof ServingCompute>): Rank {
  if (compute.gpusPerNode > 0) {
    const accelerator = compute.accelerator && accelerators[compute.accelerator];
    if (!accelerator) return { device: "gpu" };
    return {
      device: "gpu",
      memoryBytes: accelerator.memoryBytes,
      flops: accelerator.bfloat16Flops * sustainedShare,
    };
  }
  return {
    device: "cpu",
    memoryBytes: Math.floor(quantityValue(compute.resources.memory)),
    flops: quantityValue(compute.resources.cpu) * flopsPerCpu,
  };
}

/** Processes of each pod of a gang: one per GPU, or one. */
export const processesPerPod = (compute: z.output<typeof Compute>): number =>
  Math.max(1, compute.gpusPerNode);

export const ranksOf = (compute: z.output<typeof Compute>): number =>
  compute.nodes * processesPerPod(compute);
