import type { IntOrPercent } from "./objects.ts";

/** What a RollingUpdate's maxSurge and maxUnavailable come to, as kube-controller-manager reads them. */

interface Bounds {
  maxSurge: IntOrPercent;
  maxUnavailable: IntOrPercent;
}

/**
 * Shares become numbers of pods; where both come to none, one replica may be missing, or the rollout would never
 * move (ResolveFenceposts in pkg/controller/deployment/util).
 */
export function podsOfBounds(bounds: Bounds, replicas: number): { maxSurge: number; maxUnavailable: number } {
  const pods = (bound: IntOrPercent, whole: (share: number) => number) =>
    typeof bound === "number" ? bound : whole((Number.parseInt(bound, 10) * replicas) / 100);
  const maxSurge = pods(bounds.maxSurge, Math.ceil);
  const maxUnavailable = pods(bounds.maxUnavailable, Math.floor);
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable };
}

/** Bounds that allow nothing however many replicas there are; no API server takes them. */
export const allowNothing = ({ maxSurge, maxUnavailable }: Bounds): boolean =>
  [maxSurge, maxUnavailable].every((bound) => Number.parseInt(String(bound), 10) === 0);
