import type { AnyObject } from "./objects.ts";

/** What a run has taken of the machines, by its attempts. */

export const secondsOf = (from: string, to: string | undefined, now: number): number =>
  Math.max(0, ((to === undefined ? now : Date.parse(to)) - Date.parse(from)) / 1000);

interface ComputeSpec {
  nodes?: number;
  gpusPerNode?: number;
  resources?: { cpu?: string | number };
}

/** GPU-hours, or CPU-hours where it has no GPUs, of the newest attempts that status holds. */
export function acceleratorHours(
  { spec, status }: AnyObject,
  now: number,
): { hours: number; gpu: boolean } | undefined {
  const attempts = status?.attempts ?? [];
  if (attempts.length === 0) return undefined;
  const { nodes = 1, gpusPerNode = 0, resources } = (spec.compute ?? {}) as ComputeSpec;
  const hours = attempts.reduce((sum, one) => sum + secondsOf(one.startTime, one.endTime, now) / 3600, 0);
  const perNode = gpusPerNode > 0 ? gpusPerNode : cpusOf(resources?.cpu);
  return { hours: hours * nodes * perNode, gpu: gpusPerNode > 0 };
}

/** "1500m" or "2", as Kubernetes writes CPUs. */
function cpusOf(quantity: string | number = "1"): number {
  const text = String(quantity);
  const value = text.endsWith("m") ? Number(text.slice(0, -1)) / 1000 : Number(text);
  return Number.isFinite(value) ? value : 1;
}
