import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { expect, test } from "vitest";
import { systemClock } from "../../../clock/clock.ts";
import { aJob, aPod, aTemplate, namespace, sh, temporaryDirectory } from "../../../testing/local-cluster.ts";
import type { ConfigMap, Job, KubernetesObject, Pod } from "../../objects.ts";
import { ConflictError, InvalidError, NotFoundError, type WatchEvent } from "../../port.ts";
import { configMaps, jobs, pods, type Resource } from "../../resource.ts";
import { Admission } from "./admission.ts";
import { ObjectFiles } from "./object-files.ts";
import { Store } from "./store.ts";

interface Widget extends KubernetesObject {
  apiVersion: "example.dev/v1";
  kind: "Widget";
  spec: { size: number; colour?: string };
  status?: { seen: number };
}
const widgets: Resource<Widget> = {
  apiVersion: "example.dev/v1",
  kind: "Widget",
  plural: "widgets",
  status: true,
};
const admission = new Admission([
  {
    resource: widgets as Resource<KubernetesObject>,
    admit({ spec, metadata }) {
      const { size, colour = "grey" } = spec as Widget["spec"];
      if (size < 0)
        throw new InvalidError("Widget", metadata.name, [
          { field: "spec.size", message: "must not be negative" },
        ]);
      return { size, colour };
    },
  },
]);

function openStore(directory: string): Store {
  return new Store(new ObjectFiles(directory), admission, systemClock);
}

function aWidget(name: string, size: number, labels?: Record<string, string>) {
  const metadata = { name, namespace, ...(labels && { labels }) };
  return { apiVersion: "example.dev/v1", kind: "Widget", metadata, spec: { size } } as const;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const version = (object: KubernetesObject) => Number(object.metadata.resourceVersion);

type Step = { name: string } & (
  | { do: "apply"; size: number; label: string | undefined }
  | { do: "status"; seen: number }
  | { do: "finalizer"; present: boolean }
  | { do: "delete" }
  | { do: "reopen" }
);
const name = fc.constantFrom("a", "b", "c");
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    do: fc.constant("apply" as const),
    name,
    size: fc.nat(3),
    label: fc.constantFrom(undefined, "x", "y"),
  }),
  fc.record({ do: fc.constant("status" as const), name, seen: fc.nat(3) }),
  fc.record({ do: fc.constant("finalizer" as const), name, present: fc.boolean() }),
  fc.record({ do: fc.constant("delete" as const), name }),
  fc.record({ do: fc.constant("reopen" as const), name }),
);

function run(store: Store, next: Step): void {
  const old = store.get(widgets, namespace, next.name);
  if (next.do === "apply")
    store.apply(widgets, aWidget(next.name, next.size, next.label ? { l: next.label } : undefined));
  else if (old === undefined) return;
  else if (next.do === "status") store.updateStatus(widgets, { ...old, status: { seen: next.seen } });
  else if (next.do === "finalizer" && !(next.present && old.metadata.deletionTimestamp)) {
    store.setFinalizer(widgets, old, "example.dev/f", next.present);
  } else if (next.do === "delete") store.delete(widgets, old);
}

function expectHonestMetadata(before: Widget | undefined, after: Widget | undefined, greatest: number): void {
  if (after && !isDeepStrictEqual(before, after)) expect(version(after)).toBeGreaterThan(greatest);
  if (!before || after?.metadata.uid !== before.metadata.uid) return;
  const deleted = !before.metadata.deletionTimestamp && after.metadata.deletionTimestamp;
  const raised = (after.metadata.generation ?? 0) - (before.metadata.generation ?? 0);
  expect(raised).toBe(deleted || !isDeepStrictEqual(before.spec, after.spec) ? 1 : 0);
}

test("any history: versions only rise, a repeat changes nothing, generation follows spec, a reopened store is the same store", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const directory = temporaryDirectory();
      let store = openStore(directory);
      let greatest = 0;
      for (const next of steps) {
        if (next.do === "reopen") {
          const kept = store.list(widgets);
          store = openStore(directory);
          expect(store.list(widgets)).toEqual(kept);
        }
        const before = store.get(widgets, namespace, next.name);
        run(store, next);
        const after = store.get(widgets, namespace, next.name);
        expectHonestMetadata(before, after, greatest);
        greatest = Math.max(greatest, after ? version(after) : 0);
        if (next.do !== "delete") run(store, next);
        expect(store.get(widgets, namespace, next.name)).toEqual(after);
      }
    }),
    { numRuns: 60 },
  );
});

test("any history: a watcher's replay of the events is what the store holds, in the order of the writes", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), fc.nat(30), async (steps, start) => {
      const store = openStore(temporaryDirectory());
      const selectors: Record<string, string>[] = [{}, { l: "x" }];
      const views = selectors.map((labels) => ({
        labels,
        seen: new Map<string, Widget>(),
        versions: [] as number[],
      }));
      const attach = () => {
        for (const { labels, seen, versions } of views) {
          store.watch(widgets, { labels }, ({ type, object }: WatchEvent<Widget>) => {
            expect(type === "ADDED").toBe(!seen.has(object.metadata.name));
            if (type === "DELETED") seen.delete(object.metadata.name);
            else seen.set(object.metadata.name, object);
            versions.push(version(object));
          });
        }
      };
      const initial = Math.min(start, steps.length);
      for (const [index, next] of steps.entries()) {
        if (index === initial) attach();
        run(store, next);
      }
      if (initial === steps.length) attach();
      await settled();
      for (const { labels, seen, versions } of views) {
        const held = store.list(widgets, { labels });
        expect([...seen.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))).toEqual(held);
        const live = versions.slice(
          versions.findIndex((now, index) => index > 0 && now < (versions[index - 1] ?? 0)) + 1,
        );
        expect(live).toEqual(live.toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 60 },
  );
});

test("versions rise across a restart even when the newest object is gone", () => {
  const directory = temporaryDirectory();
  const store = openStore(directory);
  const first = store.apply(widgets, aWidget("a", 1));
  store.delete(widgets, first);
  expect(version(openStore(directory).apply(widgets, aWidget("a", 1)))).toBeGreaterThan(version(first) + 1);
});

test("an apply replaces what was stated and leaves status, finalizers and defaults alone", () => {
  const store = openStore(temporaryDirectory());
  const made = store.apply(widgets, aWidget("a", 1, { l: "x" }));
  expect(made.spec.colour).toBe("grey");
  store.updateStatus(widgets, { ...made, status: { seen: 7 } });
  store.setFinalizer(widgets, made, "example.dev/f", true);
  const again = store.apply(widgets, { ...aWidget("a", 2), status: { seen: 0 } } as never);
  expect(again.metadata.labels).toBeUndefined();
  expect(again).toMatchObject({
    spec: { size: 2 },
    status: { seen: 7 },
    metadata: { generation: 2, finalizers: ["example.dev/f"] },
  });
});

test("a stale status write conflicts, one to a vanished object is told so, one to a namesake conflicts", () => {
  const store = openStore(temporaryDirectory());
  const stale = store.apply(widgets, aWidget("a", 1));
  store.apply(widgets, aWidget("a", 2));
  expect(() => store.updateStatus(widgets, { ...stale, status: { seen: 1 } })).toThrow(ConflictError);
  store.delete(widgets, stale);
  expect(() => store.updateStatus(widgets, stale)).toThrow(NotFoundError);
  const namesake = store.apply(widgets, aWidget("a", 1));
  expect(() => store.updateStatus(widgets, { ...stale, status: { seen: 1 } })).toThrow(ConflictError);
  store.delete(widgets, stale);
  expect(store.get(widgets, namespace, "a")).toEqual(namesake);
});

test("refusals name every field and store nothing", () => {
  const store = openStore(temporaryDirectory());
  expect(() => store.apply(widgets, aWidget("a", -1))).toThrow("spec.size: must not be negative");
  expect(() => store.apply(widgets, aWidget("../../escape", 1))).toThrow(/metadata\.name/);
  expect(() => store.apply(widgets, aWidget("a", 1, { l: "x".repeat(64) }))).toThrow(/metadata\.labels/);
  expect(store.list(widgets)).toEqual([]);
});

test("a Job's template and completions cannot change, suspend and parallelism can", () => {
  const store = openStore(temporaryDirectory());
  const job = aJob("run", aTemplate(sh("exit 0")), { suspend: true });
  store.apply(jobs, job);
  const refused = (change: Partial<Job["spec"]>) => () =>
    store.apply(jobs, { ...job, spec: { ...job.spec, ...change } });
  expect(refused({ completions: 2 })).toThrow("spec.completions: field is immutable");
  expect(refused({ template: aTemplate(sh("exit 1")) })).toThrow("spec.template: field is immutable");
  expect(refused({ suspend: false, parallelism: 2 })).not.toThrow();
  expect(() => store.apply(jobs, aJob("x".repeat(62), aTemplate([])))).toThrow(/metadata\.name/);
  const resources = { requests: {}, limits: { memory: "much" } };
  expect(() =>
    store.apply(jobs, aJob("new", aTemplate([], { resources }, { restartPolicy: "Always" }))),
  ).toThrow(
    /spec\.template\.spec\.restartPolicy: .*spec\.template\.spec\.containers\[0\]\.resources\.limits\.memory: "much"/,
  );
});

test("an immutable ConfigMap keeps its data", () => {
  const store = openStore(temporaryDirectory());
  const map = (data: Record<string, string>) =>
    ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "m", namespace },
      data,
      immutable: true,
    }) satisfies Pick<ConfigMap, "apiVersion" | "kind" | "data" | "immutable"> & { metadata: object };
  store.apply(configMaps, map({ a: "1" }));
  expect(() => store.apply(configMaps, map({ a: "2" }))).toThrow("data: field is immutable");
});

test("a bound pod outlives its deletion until it has ended; finalizers of others do not matter to that", () => {
  const store = openStore(temporaryDirectory());
  const pod = store.bind(store.create(pods, aPod("p", aTemplate([]))), "here");
  store.setFinalizer(pods, pod, "example.dev/f", true);
  store.delete(pods, pod);
  expect(store.setFinalizer(pods, pod, "example.dev/f", false)?.metadata.deletionTimestamp).toBeDefined();
  const ending = store.get(pods, namespace, "p") as Pod;
  store.updateStatus(pods, { ...ending, status: { phase: "Failed" } });
  store.delete(pods, ending);
  expect(store.get(pods, namespace, "p")).toBeUndefined();
});
