import { expect, test } from "vitest";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import { RunSpec } from "../kinds/batch-kind.ts";
import { storageOf } from "../runs/scope.ts";
import { attemptObjects } from "../runs/stage-objects.ts";
import { anExampleRun, exampleRuns } from "../testing/example-runs.ts";
import { aStage, exampleKind, TestEnv } from "../testing/test-env.ts";
import { labels } from "./names.ts";
import { networkPolicy } from "./network-policy.ts";

const rules = NetworkPolicies.parse({
  enabled: true,
  operator: { namespace: "tanren-system", podLabels: { app: "tanren" } },
});

const aRun = () => new TestEnv().store.apply(exampleRuns, anExampleRun({}));

/** The pods' labels, as a NetworkPolicy sees them. */
function podLabels(run: ReturnType<typeof aRun>) {
  const spec = RunSpec.parse(run.spec);
  const storage = storageOf(exampleKind.definition, run, spec);
  const podDefaults = PodDefaults.parse({});
  return attemptObjects({ run, spec, storage, stage: aStage({}), attempt: 1, config: {}, podDefaults }).job
    .spec.template.metadata.labels;
}

test("no policy where the configuration asks for none", () => {
  expect(networkPolicy(aRun(), NetworkPolicies.parse({}))).toBeUndefined();
});

test("a run's policy takes exactly its own pods, both ways", () => {
  const run = aRun();
  const policy = networkPolicy(run, rules);
  expect(policy?.spec.policyTypes).toEqual(["Ingress", "Egress"]);
  const { matchLabels } = policy?.spec.podSelector ?? {};
  expect(podLabels(run)).toMatchObject(matchLabels ?? { none: true });
  expect(podLabels(aRun())).not.toMatchObject(matchLabels ?? {});
});

test("ranks of a run reach each other; the operator alone reaches the progress port", () => {
  const run = aRun();
  const own = { podSelector: { matchLabels: { [labels.uid]: run.metadata.uid } } };
  expect(networkPolicy(run, rules)?.spec.ingress).toEqual([
    { from: [own] },
    {
      from: [
        {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "tanren-system" } },
          podSelector: { matchLabels: { app: "tanren" } },
        },
      ],
      ports: [{ port: 9400, protocol: "TCP" }],
    },
  ]);
  expect(networkPolicy(run, { ...rules, operator: undefined })?.spec.ingress).toEqual([{ from: [own] }]);
});

test("a run reaches its own ranks and looks names up; an endpoint reaches nobody", () => {
  const run = aRun();
  const [first, second, ...others] = networkPolicy(run, rules)?.spec.egress ?? [];
  expect(first?.to).toEqual([{ podSelector: { matchLabels: { [labels.uid]: run.metadata.uid } } }]);
  expect(second?.ports?.map(({ port }) => port)).toEqual([53, 53]);
  expect(others).toEqual([]);
  const endpoint = networkPolicy(run, rules, 8000)?.spec;
  expect(endpoint).toMatchObject({ policyTypes: ["Ingress", "Egress"] });
  expect(endpoint).not.toHaveProperty("egress");
});

test("an endpoint lets in the clients that are named, or every pod, and nothing to other ports", () => {
  const run = aRun();
  const clients = [{ namespaceSelector: { matchLabels: { team: "search" } } }];
  const ports = [{ port: 8000, protocol: "TCP" }];
  expect(networkPolicy(run, rules, 8000)?.spec.ingress).toEqual([
    { from: [{ namespaceSelector: {} }], ports },
  ]);
  expect(networkPolicy(run, { ...rules, clients }, 8000)?.spec.ingress).toEqual([{ from: clients, ports }]);
});

test("what the configuration lets pods reach is let through for runs and endpoints", () => {
  const run = aRun();
  const rule = { ports: [{ port: 4318, protocol: "TCP" as const }] };
  const egress = (servingPort?: number) =>
    networkPolicy(run, { ...rules, egress: [rule] }, servingPort)?.spec.egress;
  expect(egress()?.at(-1)).toEqual(rule);
  expect(egress()).toHaveLength(3);
  // Names are looked up too.
  expect(egress(8000)).toEqual([expect.objectContaining({ ports: expect.any(Array) }), rule]);
});
