import type { Reason } from "../api/reasons.ts";
import {
  configMaps,
  deployments,
  networkPolicies,
  podDisruptionBudgets,
  services,
} from "../cluster/resource.ts";
import {
  type FoundChild,
  found,
  type ReconcileResult,
  type Root,
  type WantedChild,
  wanted,
} from "../engine/reconcile-result.ts";
import { servingPlan } from "../estimates/serving-plan.ts";
import { lookAgainSeconds } from "../runtime/outcome.ts";
import { choose, isObstacle, type ServedModel, servedBefore } from "./model.ts";
import { type ServingObjects, selectorOf, servingObjects } from "./objects.ts";
import { isReady, isServing, type Rollout, readEndpoint, readRollout, wantedPods } from "./rollout.ts";
import type { ServingScope, ServingStatus } from "./scope.ts";

export interface ServingResult extends ReconcileResult<ServingStatus> {
  root: Root;
  /** Whether requests are answered now, by whichever model. */
  answers: boolean;
  /** Whether those that answer serve another model, or with another configuration, than what is asked for. */
  servesPrevious: boolean;
}

const looksAgain: ReadonlySet<Reason> = new Set(["RollingOut", "Scaling", "PortInUse"]);

/** What is to be done with an InferenceDeployment, as a pure function of what was read. */
export function decide(scope: ServingScope): ServingResult {
  const { owner, spec } = scope;
  const old: ServingStatus = owner.status ?? {};
  const { input, wanted: asked } = choose(spec, scope.model, scope.required, scope.absent);
  const plan = servingPlan(spec, input);
  const obstacle = isObstacle(asked) ? asked : undefined;
  // Whatever stands in the way of the model asked for, the one that is served stays, at the scale that is
  // asked for.
  const model = isObstacle(asked) ? servedBefore(spec, old.served) : asked;
  const objects = model && servingObjects(owner, spec, model, scope);
  const rollout =
    objects &&
    readRollout(scope.deployment, scope.pods, { configHash: objects.configHash, replicas: spec.replicas });
  const root = rootOf(scope, obstacle, rollout);
  return {
    status: { ...old, plan, ...replicaCounts(scope, objects), ...artifacts(old, asked, rollout) },
    root,
    ...whoAnswers(scope, objects, obstacle),
    // What a rollout waits for is watched, except a port of this machine.
    requeueAfter: looksAgain.has(root.reason) ? lookAgainSeconds : undefined,
    apply: objects ? applied(objects) : [],
    remove: objects
      ? [
          ...unwantedBudgets(scope, objects),
          ...(rollout?.state === "complete" ? outdated(scope, objects) : []),
        ]
      : [],
  };
}

/** Ready speaks of the endpoint, whoever is behind it; what is behind it is said besides. */
export function whoAnswers(
  { spec, service, pods }: ServingScope,
  objects?: ServingObjects,
  obstacle?: Root,
): Pick<ServingResult, "answers" | "servesPrevious"> {
  const reachable = service === undefined || readEndpoint(service, spec.port).error === undefined;
  const serving = reachable ? pods.filter(isServing) : [];
  const wantedAnswers = objects !== undefined && wantedPods(serving, objects.configHash).length > 0;
  return {
    answers: serving.length > 0,
    servesPrevious: serving.length > 0 && (obstacle !== undefined || !wantedAnswers),
  };
}

function applied({ configMap, deployment, service, policy, budget }: ServingObjects): WantedChild[] {
  return [
    ...(budget ? [wanted(podDisruptionBudgets, budget, "update")] : []),
    ...(policy ? [wanted(networkPolicies, policy, "update")] : []),
    wanted(configMaps, configMap, "create"),
    wanted(services, service, "update"),
    wanted(deployments, deployment, "update"),
  ];
}

/** The budget of more replicas than there are to be now. */
const unwantedBudgets = ({ budgets }: ServingScope, { budget }: ServingObjects): FoundChild[] =>
  budget === undefined ? budgets.map((object) => found(podDisruptionBudgets, object)) : [];

/** ConfigMaps that no replica reads any more. */
function outdated({ configMaps: there }: ServingScope, { configMap }: ServingObjects): FoundChild[] {
  return there
    .filter(({ metadata }) => metadata.name !== configMap.metadata.name)
    .map((object) => found(configMaps, object));
}

/** The artifact that every ready replica serves changes only when a rollout is complete. */
function artifacts(
  { served }: ServingStatus,
  asked: ServedModel | Root,
  rollout: Rollout | undefined,
): Pick<ServingStatus, "served" | "rollingOut"> {
  if (isObstacle(asked)) return { served, rollingOut: undefined };
  if (rollout?.state === "complete") return { served: asked.artifact, rollingOut: undefined };
  return { served, rollingOut: asked.artifact?.digest === served?.digest ? undefined : asked.artifact };
}

function replicaCounts(
  { owner, spec, deployment, service, pods }: ServingScope,
  objects: ServingObjects | undefined,
): Partial<ServingStatus> {
  const ready = objects ? wantedPods(pods, objects.configHash) : pods;
  return {
    replicas: deployment?.status?.replicas ?? 0,
    readyReplicas: ready.filter(isReady).length,
    selector: Object.entries(selectorOf(owner))
      .map(([label, value]) => `${label}=${value}`)
      .join(","),
    url: service && readEndpoint(service, spec.port).url,
  };
}

function rootOf(scope: ServingScope, obstacle: Root | undefined, rollout: Rollout | undefined): Root {
  const digest = scope.owner.status?.served?.digest;
  const meanwhile =
    digest === undefined || !scope.pods.some(isServing) ? "" : `; ${digest} is still being served`;
  if (obstacle !== undefined) return { reason: obstacle.reason, message: obstacle.message + meanwhile };
  const error = scope.service && readEndpoint(scope.service, scope.spec.port).error;
  if (error !== undefined) {
    const message = `port ${scope.spec.port} cannot be used (${error}); free it or choose another spec.port`;
    return { reason: "PortInUse", message };
  }
  switch (rollout?.state) {
    case "failed":
      return { reason: rollout.reason, message: rollout.message + meanwhile };
    case "complete":
      return scope.spec.replicas === 0
        ? { reason: "ScaledToZero", message: "spec.replicas is 0: nobody is served" }
        : { reason: "Available", message: "all replicas are ready with the wanted model" };
    default:
      return rollout ?? { reason: "RollingOut", message: "the Deployment is being created" };
  }
}
