import { inferenceDeployment, pretrainRun } from "../../operator/api/kinds.ts";
import { configMaps, deployments, jobs, pods } from "../../operator/cluster/resource.ts";
import type { Plan as WatchPlan } from "./watch-proxy.ts";

/**
 * How the operator is disturbed, after Sieve (Sun et al. 2022, "Automatic Reliability Testing For Cluster
 * Management Controllers"): it dies at a write, it is told late, it is never told, it is two.
 */
export type Plan =
  | { what: "crash"; write: number; when: "before" | "after" }
  | { what: "late" | "never"; plural: string; from: number; events: number }
  | { what: "two"; laterMilliseconds: number }
  | { what: "crash, then late"; write: number; plural: string };

const watched = [jobs, pods, configMaps, deployments, pretrainRun.resource, inferenceDeployment.resource].map(
  ({ plural }) => plural,
);
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** `writes` are those of an undisturbed operator. */
export function allPlans(writes: number): Plan[] {
  return [
    ...numbers(writes).flatMap((write) =>
      (["before", "after"] as const).map((when): Plan => ({ what: "crash", write, when })),
    ),
    ...watched.flatMap((plural) =>
      numbers(6).flatMap((from) => [
        { what: "late" as const, plural, from, events: 3 },
        { what: "never" as const, plural, from, events: 3 },
      ]),
    ),
    ...numbers(8).map((number): Plan => ({ what: "two", laterMilliseconds: 150 * (number - 1) })),
    ...watched.flatMap((plural) =>
      [2, 5, 8, 12].map((write): Plan => ({ what: "crash, then late", write, plural })),
    ),
  ];
}

/** Long enough to be acted on, and shorter than what counts as a Job that somebody deleted. */
const milliseconds = 3000;

export function watchPlan(plan: Plan): WatchPlan | undefined {
  switch (plan.what) {
    case "late":
    case "never": {
      const verdict = plan.what === "late" ? "hold" : "drop";
      const isHit = (nth: number) => nth >= plan.from && nth < plan.from + plan.events;
      return { plural: plan.plural, milliseconds, verdict: (nth) => (isHit(nth) ? verdict : "pass") };
    }
    case "crash, then late":
      return { plural: plan.plural, milliseconds, verdict: (nth) => (nth <= 3 ? "hold" : "pass") };
    default:
      return undefined;
  }
}
