import { afterAll, beforeAll, expect, test } from "vitest";
import { findCondition } from "../../operator/cluster/conditions.ts";
import { podGroups } from "../../operator/cluster/resource.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { eventually, given } from "../contract/waiting.ts";
import { Gangs, isUnschedulable } from "./gangs.ts";

/**
 * The nodes and runs of gang-placement.test.ts on a scheduler that places gangs whole: what holds one node
 * each there holds both or none here.
 */

const podGroup = given(podGroups.find(({ apiVersion }) => apiVersion.endsWith("/v1alpha2")));
const priorityClassName = "batch";
const compute = { "compute.priorityClassName": priorityClassName };
let cluster: TestCluster;
let gangs: Gangs;

beforeAll(async () => {
  cluster = await startCluster({
    featureGates: "GenericWorkload=true,GangScheduling=true,WorkloadAwarePreemption=true",
    runtimeConfig: `${podGroup.apiVersion}=true`,
  });
  gangs = new Gangs(cluster.kubeconfig);
  await gangs.open();
  await gangs.api.send("POST", "/apis/scheduling.k8s.io/v1/priorityclasses", {
    apiVersion: "scheduling.k8s.io/v1",
    kind: "PriorityClass",
    metadata: { name: priorityClassName },
    value: 7,
  });
});
afterAll(async () => {
  await gangs?.close();
  await cluster?.stop();
});

const holdsNodes = async (name: string) =>
  (await gangs.podsOf(name)).filter(({ spec }) => spec.nodeName !== undefined).length;

test("a gang waits whole for as long as it lacks a node, and another takes what it needs meanwhile", async () => {
  const { kept, later, namespace } = gangs;
  await gangs.openNode("one", [kept]);
  await gangs.apply("older", [kept], compute);
  await eventually(async () => {
    const found = await gangs.podsOf("older");
    return found.length === 2 && found.every(isUnschedulable);
  }, "both pods of the older gang find no node");
  // There is room for one of them.
  expect(await holdsNodes("older")).toBe(0);
  await eventually(async () => {
    const succeeded = findCondition((await gangs.read("older"))?.status?.conditions, "Succeeded");
    return succeeded?.reason === "WaitingForPods" && /Unschedulable/.test(succeeded.message);
  }, "the run says what it waits for");

  await gangs.openNode("two", [kept, later]);
  await gangs.apply("younger", [kept, later], compute);
  const whole = await gangs.placed("younger");
  await gangs.taint("two", [kept]);
  expect(await holdsNodes("older")).toBe(0);

  await gangs.end(whole);
  await gangs.placed("older");
  for (const name of ["older", "younger"])
    expect((await gangs.read(name))?.status?.attempts?.length, `attempts of ${name}`).toBe(1);

  const made = await gangs.cluster.list(podGroup, { namespace });
  const spec = { schedulingPolicy: { gang: { minCount: 2 } }, priorityClassName };
  expect(made).toMatchObject([{ spec }, { spec }]);
}, 300_000);
