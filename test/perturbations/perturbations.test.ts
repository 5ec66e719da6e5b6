import { availableParallelism } from "node:os";
import fc from "fast-check";
import { beforeAll, expect, inject, test } from "vitest";
import { killedAt } from "../../operator/testing/test-env.ts";
import { ApiServer } from "../contract/api-server.ts";
import { installKinds } from "../contract/kubernetes-world.ts";
import { eventually } from "../contract/waiting.ts";
import { allPlans, type Plan, watchPlan } from "./plans.ts";
import { openStage, operatorOn } from "./story.ts";

/**
 * However the operator is disturbed, the story ends as when nobody disturbs it. A seeded sample of so
 * many plans, or with TANREN_PERTURBATIONS=whole every one.
 */

const { TANREN_PERTURBATIONS: asked = "4" } = process.env;
const seed = Number(process.env.TANREN_SEED ?? 20_261_126);
const atOnce = 5 * availableParallelism();

const kubeconfig = inject("kubeconfig");
let undisturbed: unknown;
let writes = 0;

beforeAll(async () => {
  const api = new ApiServer(kubeconfig);
  await installKinds(api);
  api.close();
  const stage = await openStage(kubeconfig);
  const connection = await stage.connect();
  const counting = killedAt(connection.cluster, Number.POSITIVE_INFINITY, "before");
  const operator = await operatorOn(counting, stage.namespace);
  try {
    undisturbed = await stage.play();
    writes = counting.writes;
  } finally {
    await operator.stop();
    await connection.close();
    await stage.close();
  }
}, 180_000);

/** The end of the story under the plan. */
async function disturbed(plan: Plan): Promise<unknown> {
  const stage = await openStage(kubeconfig);
  const cleanUps: (() => Promise<void>)[] = [];
  const start = async (kill?: { write: number; when: "before" | "after" }) => {
    const connection = await stage.connect(watchPlan(plan));
    const mortal = killedAt(
      connection.cluster,
      kill?.write ?? Number.POSITIVE_INFINITY,
      kill?.when ?? "after",
    );
    const operator = await operatorOn(mortal, stage.namespace);
    const stop = async () => {
      await operator.stop();
      await connection.close();
    };
    cleanUps.push(stop);
    return { mortal, stop, proxy: connection.proxy };
  };
  try {
    const ending = stage.play();
    ending.catch(() => {});
    switch (plan.what) {
      case "crash":
      case "crash, then late": {
        const first = await start({ write: plan.write, when: "when" in plan ? plan.when : "after" });
        await Promise.race([
          ending,
          eventually(async () => first.mortal.writes >= plan.write, "it dies", 90_000),
        ]);
        cleanUps.pop();
        await first.stop();
        await start();
        break;
      }
      case "two":
        await start();
        await new Promise((resolve) => setTimeout(resolve, plan.laterMilliseconds));
        await start();
        break;
      default:
        await start();
    }
    return await ending;
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
    await stage.close();
  }
}

test("every disturbed operator brings the story to the same end", async () => {
  const all = allPlans(writes);
  const [shuffled = []] = fc.sample(fc.shuffledSubarray(all, { minLength: all.length }), {
    seed,
    numRuns: 1,
  });
  const queue = asked === "whole" ? [...shuffled] : shuffled.slice(0, Number(asked));
  const count = queue.length;
  const faults: { plan: Plan; end: unknown }[] = [];
  const work = async () => {
    for (let plan = queue.pop(); plan !== undefined; plan = queue.pop()) {
      const end = await disturbed(plan).catch((error: unknown) => String(error));
      if (JSON.stringify(end) === JSON.stringify(undisturbed)) continue;
      faults.push({ plan, end });
      console.error(`${JSON.stringify(plan)} ended otherwise`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  console.error(`${count} of ${all.length} plans; an undisturbed operator writes ${writes} times`);
  expect(undisturbed).toBeDefined();
  for (const { plan, end } of faults) expect.soft(end, JSON.stringify(plan)).toEqual(undisturbed);
}, 3_600_000);
