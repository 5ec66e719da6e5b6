import { type RootState, setRootCondition } from "../cluster/conditions.ts";
import { configMaps, deployments, networkPolicies, services } from "../cluster/resource.ts";
import { servingPlan } from "../estimates/serving-plan.ts";
import type { FoundChild, WantedChild } from "../runs/scope.ts";
import { found, lookAgainSeconds, wanted } from "../runs/step.ts";
import { again, done, type Outcome } from "../runtime/outcome.ts";
import { choose, isObstacle, type Obstacle, type ServedModel, servedBefore } from "./model.ts";
import { type ServingObjects, selectorOf, servingObjects } from "./objects.ts";
import { isReady, type Rollout, readEndpoint, readRollout, wantedPods } from "./rollout.ts";
import type { ServingScope, ServingStatus } from "./scope.ts";

/** What a reconcile is to do, in this order: apply, remove, write status. */
export interface ServingDecision {
  apply: WantedChild[];
  remove: FoundChild[];
  status: ServingStatus;
  outcome: Outcome;
}

/** What is to be done with an InferenceDeployment, as a pure function of what was read. */
export function decideServing(scope: ServingScope): ServingDecision {
  const { owner, spec } = scope;
  const old: ServingStatus = owner.status ?? {};
  const { input, wanted: asked } = choose(spec, scope.model, scope.required);
  const plan = servingPlan(spec, input);
  const obstacle = isObstacle(asked) ? asked : undefined;
  // Whatever stands in the way of the model asked for, the one that is served stays, at the scale that is asked for.
  const model = isObstacle(asked) ? servedBefore(spec, old.served) : asked;
  const objects = model && servingObjects(owner, spec, model, scope);
  const rollout = objects && readRollout(scope.deployment, scope.pods, objects.configHash);
  const state = rootOf(scope, obstacle, rollout);
  return {
    apply: objects ? applied(objects) : [],
    remove: objects && rollout?.state === "complete" ? outdated(scope, objects) : [],
    status: conclude(scope, state, { ...old, plan, ...figures(scope, objects), ...artifacts(old, asked, rollout) }),
    outcome: outcomeOf(obstacle, state),
  };
}

function applied({ configMap, deployment, service, policy }: ServingObjects): WantedChild[] {
  return [
    ...(policy ? [wanted(networkPolicies, policy, "update")] : []),
    wanted(configMaps, configMap, "create"),
    wanted(services, service, "update"),
    wanted(deployments, deployment, "update"),
  ];
}

/** ConfigMaps that no replica reads any more. */
function outdated({ configMaps: there }: ServingScope, { configMap }: ServingObjects): FoundChild[] {
  return there
    .filter(({ metadata }) => metadata.name !== configMap.metadata.name)
    .map((object) => found(configMaps, object));
}

/** The artifact that every ready replica serves changes only when a rollout is complete. */
function artifacts(
  { served }: ServingStatus,
  asked: ServedModel | Obstacle,
  rollout: Rollout | undefined,
): Pick<ServingStatus, "served" | "rollingOut"> {
  if (isObstacle(asked)) return { served, rollingOut: undefined };
  if (rollout?.state === "complete") return { served: asked.artifact, rollingOut: undefined };
  return { served, rollingOut: asked.artifact?.digest === served?.digest ? undefined : asked.artifact };
}

function figures(
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

type Word = Omit<RootState, "type">;

function rootOf(scope: ServingScope, obstacle: Obstacle | undefined, rollout: Rollout | undefined): Word {
  const digest = scope.owner.status?.served?.digest;
  const meanwhile = digest === undefined ? "" : `; ${digest} goes on being served`;
  if (obstacle !== undefined) {
    return {
      status: "False",
      reason: obstacle.reason,
      message: obstacle.message + meanwhile,
      stalled: obstacle.stalled,
    };
  }
  const error = scope.service && readEndpoint(scope.service, scope.spec.port).error;
  if (error !== undefined) {
    const message = `port ${scope.spec.port} cannot be used (${error}); free it or choose another spec.port`;
    return { status: "False", reason: "PortInUse", message, stalled: false };
  }
  switch (rollout?.state) {
    case "failed":
      return { status: "False", reason: rollout.reason, message: rollout.message + meanwhile, stalled: true };
    case "complete":
      return scope.spec.replicas === 0
        ? { status: "True", reason: "ScaledToZero", message: "spec.replicas is 0: nobody is served", stalled: false }
        : {
            status: "True",
            reason: "Available",
            message: "all replicas are ready with the wanted model",
            stalled: false,
          };
    default:
      return {
        status: "False",
        reason: "RollingOut",
        message: rollout?.message ?? "the Deployment is being made",
        stalled: false,
      };
  }
}

function conclude({ owner, now }: ServingScope, word: Word, status: ServingStatus): ServingStatus {
  const generation = owner.metadata.generation ?? 0;
  const conditions = setRootCondition(status.conditions ?? [], { type: "Ready", ...word }, { now, generation });
  return { ...status, observedGeneration: generation, conditions };
}

/** Whatever is awaited is watched; the time is for what is not. */
function outcomeOf(obstacle: Obstacle | undefined, { status, reason, message, stalled }: Word): Outcome {
  if (status === "True") return done;
  if (obstacle === undefined && !stalled) return again(lookAgainSeconds);
  if (stalled) return { kind: "stalled", reason, message };
  return { kind: "waiting", reason, message, afterSeconds: lookAgainSeconds };
}
