import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Event } from "../../cluster/objects.ts";
import type { Cluster, WatchEvent } from "../../cluster/port.ts";
import { anObject, at } from "../../testing/cli-objects.ts";
import type { AnyObject } from "../kinds.ts";
import type { View } from "./views.ts";
import { type Attended, attend, conclude } from "./wait.ts";

/** A cluster of which only watches are looked at; `tell` is what happens in it. */
function aCluster(existing: readonly AnyObject[]) {
  const watchers: { kind: string; onEvent: (event: WatchEvent<never>) => void }[] = [];
  const tell = (object: AnyObject | Event, type: WatchEvent<never>["type"] = "MODIFIED") => {
    for (const { kind, onEvent } of watchers) if (kind === object.kind) onEvent({ type, object: object as never });
  };
  const watch: Cluster["watch"] = (resource, _filter, onEvent) => {
    watchers.push({ kind: resource.kind, onEvent });
    for (const object of existing)
      if (object.kind === resource.kind) onEvent({ type: "ADDED", object: object as never });
    return { synced: Promise.resolve(), close: () => {} };
  };
  return { tell, cluster: { watch } as Pick<Cluster, "watch"> as Cluster };
}

function aView() {
  const warnings: string[] = [];
  const notices: string[] = [];
  const view: View = {
    onObject() {},
    onNotice: (sentence) => notices.push(sentence),
    onWarning: (event) => warnings.push(event.reason),
    tick() {},
    finish: vi.fn<View["finish"]>(),
  };
  return { view, warnings, notices };
}

const wanted = (kind: string, name: string) => ({ kind, namespace: "default", name });
const confirm = async () => true;
const operatorHint = "see its log";
const running = anObject("PretrainRun", "base", { root: ["Unknown", "Running"] });
const succeeded = anObject("PretrainRun", "base", { root: ["True", "Completed"] });
const waiting = anObject("AlignmentRun", "chat", { root: ["Unknown", "InputNotReady"] });

function attending(existing: readonly AnyObject[], more: Partial<Parameters<typeof attend>[2]> = {}) {
  const { cluster, tell } = aCluster(existing);
  const { view, warnings, notices } = aView();
  const watched = existing.map((object) => wanted(object.kind, object.metadata.name));
  const signal = new AbortController().signal;
  const attended = attend(cluster, view, { watched, signal, now: Date.now, confirm, operatorHint, ...more });
  return { attended, tell, view, warnings, notices };
}

describe("waiting", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse(at(0)) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("ends when all objects have ended, and shows the last state once", async () => {
    const { attended, tell, view } = attending([running]);
    await vi.advanceTimersByTimeAsync(60_000);
    tell(succeeded);
    await vi.advanceTimersByTimeAsync(250);
    expect(await attended).toMatchObject({ end: "settled", objects: [{ metadata: { name: "base" } }] });
    expect(view.finish).toHaveBeenCalledExactlyOnceWith([succeeded]);
  });

  test("does not take an object's word that is not confirmed", async () => {
    let holds = false;
    const { attended } = attending([succeeded], { confirm: async () => holds });
    const ended = vi.fn<() => void>();
    void attended.then(ended);
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).not.toHaveBeenCalled();
    holds = true;
    await vi.advanceTimersByTimeAsync(250);
    expect(ended).toHaveBeenCalled();
  });

  test("waits for the goal only, while the others go on", async () => {
    const { attended, tell } = attending([running, waiting], { until: [wanted("PretrainRun", "base")] });
    tell(succeeded);
    await vi.advanceTimersByTimeAsync(250);
    expect(await attended).toMatchObject({ end: "settled", objects: [{ kind: "PretrainRun" }] });
  });

  test("does not settle before objects that were applied are told of", async () => {
    const { cluster, tell } = aCluster([]);
    const attended = attend(cluster, aView().view, {
      watched: [wanted("PretrainRun", "base")],
      signal: new AbortController().signal,
      now: Date.now,
      confirm,
      operatorHint,
    });
    const ended = vi.fn<() => void>();
    void attended.then(ended);
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).not.toHaveBeenCalled();
    tell(succeeded, "ADDED");
    await vi.advanceTimersByTimeAsync(250);
    expect((await attended).end).toBe("settled");
  });

  test("gives up when time is up", async () => {
    const { attended } = attending([running], { timeoutSeconds: 90 });
    await vi.advanceTimersByTimeAsync(89_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await attended).end).toBe("timedOut");
  });

  test("says once when no operator looks at an object, and not when one does", async () => {
    const abort = new AbortController();
    const unseen = { ...running, metadata: { ...running.metadata, generation: 2 } };
    const alone = attending([unseen], { signal: abort.signal });
    const attendedTo = attending([running], { signal: abort.signal });
    await vi.advanceTimersByTimeAsync(19_000);
    expect(alone.notices).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(alone.notices).toEqual(["no operator has looked at PretrainRun/base for 20 s; is one running? see its log"]);
    expect(attendedTo.notices).toEqual([]);
    abort.abort();
    await Promise.all([alone.attended, attendedTo.attended]);
  });

  test("ends at once when the person interrupts", async () => {
    const abort = new AbortController();
    const { attended } = attending([running], { signal: abort.signal });
    await vi.advanceTimersByTimeAsync(100);
    abort.abort();
    expect((await attended).end).toBe("interrupted");
  });

  test("new Warnings about its objects are told once; old ones and others' are not", async () => {
    const abort = new AbortController();
    const { attended, tell, warnings } = attending([running], { signal: abort.signal });
    await vi.advanceTimersByTimeAsync(10);
    const event = (uid: string, reason: string, more: Partial<Event> = {}): Event => ({
      apiVersion: "events.k8s.io/v1",
      kind: "Event",
      metadata: { name: uid, namespace: "default", uid, resourceVersion: "1", creationTimestamp: at(1) },
      type: "Warning",
      reason,
      action: "Reconcile",
      note: "",
      regarding: { ...wanted("PretrainRun", "base"), apiVersion: "tanren.dev/v1alpha1", uid: "1" },
      reportingController: "tanren",
      reportingInstance: "tanren-0",
      eventTime: at(1),
      ...more,
    });
    tell(event("1", "StageRestarted"));
    tell(event("1", "StageRestarted"));
    tell(event("2", "Old", { eventTime: at(-1) }));
    tell(event("3", "Usual", { type: "Normal" }));
    tell(event("4", "Other", { regarding: { ...wanted("PretrainRun", "other"), apiVersion: "", uid: "2" } }));
    abort.abort();
    await attended;
    expect(warnings).toEqual(["StageRestarted"]);
  });
});

describe("how waiting ended", () => {
  const done = anObject("Corpus", "web", { root: ["True", "Completed"] });
  const failed = anObject("PretrainRun", "base", { root: ["False", "NumericsDiverged", "loss is NaN at step 7"] });
  const idle = anObject("AlignmentRun", "chat", { root: ["Unknown", "InputNotReady", "waiting for base"] });
  const suspended = anObject("PretrainRun", "base", { root: ["Unknown", "Suspended", "spec.suspend is true"] });
  const busy = anObject("PretrainRun", "base", { root: ["Unknown", "Running", "at work"] });

  test.each<[string, Partial<Attended>, string | undefined, RegExp]>([
    ["all is well", { objects: [done] }, undefined, /^$/],
    [
      "a run failed",
      { objects: [done, failed, idle] },
      "failed",
      /^2 of 3 .*\n {2}PretrainRun\/base: NumericsDiverged: loss is NaN at step 7\n {2}Align/,
    ],
    ["something waits for what never comes", { objects: [done, idle] }, "failed", /InputNotReady: waiting for base/],
    ["a run is suspended", { objects: [suspended, idle] }, "unfinished", /^suspended; set spec.suspend to false/],
    ["a run failed beside a suspended one", { objects: [suspended, failed] }, "failed", /NumericsDiverged/],
    [
      "time is up",
      { end: "timedOut", objects: [done, busy] },
      "unfinished",
      /^not finished in time; run again\n {2}PretrainRun\/base: Running: at work$/,
    ],
    ["the person interrupts", { end: "interrupted", objects: [busy] }, "interrupted", /^interrupted; run again$/],
    [
      "an object was deleted",
      { gone: [{ kind: "Corpus", namespace: "default", name: "web" }] },
      "failed",
      /^Corpus\/web was deleted/,
    ],
  ])("when %s", (_, attended, ending, message) => {
    const failure = conclude({ end: "settled", objects: [], gone: [], ...attended }, "run again");
    expect(failure?.ending).toBe(ending);
    expect(failure?.message ?? "").toMatch(message);
  });
});
