import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Event } from "../../cluster/objects.ts";
import type { Cluster, WatchEvent } from "../../cluster/port.ts";
import { anObject, at } from "../../testing/cli-objects.ts";
import type { AnyObject } from "../kinds.ts";
import type { View } from "./views.ts";
import { conclude, type WaitResult, waitFor } from "./wait.ts";

/** A cluster of which only watches are looked at; `emit` is what happens in it. */
function aCluster(existing: readonly AnyObject[]) {
  const watchers: { kind: string; onEvent: (event: WatchEvent<never>) => void }[] = [];
  const emit = (object: AnyObject | Event, type: WatchEvent<never>["type"] = "MODIFIED") => {
    for (const { kind, onEvent } of watchers)
      if (kind === object.kind) onEvent({ type, object: object as never });
  };
  const watch: Cluster["watch"] = (resource, _filter, onEvent) => {
    watchers.push({ kind: resource.kind, onEvent });
    for (const object of existing)
      if (object.kind === resource.kind) onEvent({ type: "ADDED", object: object as never });
    return { synced: Promise.resolve(), close: () => {} };
  };
  return { emit, cluster: { watch } as Pick<Cluster, "watch"> as Cluster };
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

function startWaiting(existing: readonly AnyObject[], more: Partial<Parameters<typeof waitFor>[2]> = {}) {
  const { cluster, emit } = aCluster(existing);
  const { view, warnings, notices } = aView();
  const watched = existing.map((object) => wanted(object.kind, object.metadata.name));
  const signal = new AbortController().signal;
  const result = waitFor(cluster, view, { watched, signal, now: Date.now, confirm, operatorHint, ...more });
  return { result, emit, view, warnings, notices };
}

describe("waiting", () => {
  beforeEach(() => {
    vi.useFakeTimers({ now: Date.parse(at(0)) });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test("ends when all objects have ended, and shows the last state once", async () => {
    const { result, emit, view } = startWaiting([running]);
    await vi.advanceTimersByTimeAsync(60_000);
    emit(succeeded);
    await vi.advanceTimersByTimeAsync(250);
    expect(await result).toMatchObject({ end: "settled", objects: [{ metadata: { name: "base" } }] });
    expect(view.finish).toHaveBeenCalledExactlyOnceWith([succeeded]);
  });

  test("does not take an object's word that is not confirmed", async () => {
    let holds = false;
    const { result } = startWaiting([succeeded], { confirm: async () => holds });
    const ended = vi.fn<() => void>();
    void result.then(ended);
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).not.toHaveBeenCalled();
    holds = true;
    await vi.advanceTimersByTimeAsync(250);
    expect(ended).toHaveBeenCalled();
  });

  test("waits for the goal only, while the others go on", async () => {
    const { result, emit } = startWaiting([running, waiting], { until: [wanted("PretrainRun", "base")] });
    emit(succeeded);
    await vi.advanceTimersByTimeAsync(250);
    expect(await result).toMatchObject({ end: "settled", objects: [{ kind: "PretrainRun" }] });
  });

  test("does not settle before objects that were applied are seen", async () => {
    const { cluster, emit } = aCluster([]);
    const result = waitFor(cluster, aView().view, {
      watched: [wanted("PretrainRun", "base")],
      signal: new AbortController().signal,
      now: Date.now,
      confirm,
      operatorHint,
    });
    const ended = vi.fn<() => void>();
    void result.then(ended);
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).not.toHaveBeenCalled();
    emit(succeeded, "ADDED");
    await vi.advanceTimersByTimeAsync(250);
    expect((await result).end).toBe("settled");
  });

  test("gives up when time is up", async () => {
    const { result } = startWaiting([running], { timeoutSeconds: 90 });
    await vi.advanceTimersByTimeAsync(89_000);
    await vi.advanceTimersByTimeAsync(1_000);
    expect((await result).end).toBe("timedOut");
  });

  test("says once when no operator looks at an object, and not when one does", async () => {
    const abort = new AbortController();
    const unseen = { ...running, metadata: { ...running.metadata, generation: 2 } };
    const alone = startWaiting([unseen], { signal: abort.signal });
    const seen = startWaiting([running], { signal: abort.signal });
    await vi.advanceTimersByTimeAsync(19_000);
    expect(alone.notices).toEqual([]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(alone.notices).toEqual([
      "no operator has looked at PretrainRun/base for 20 s; is one running? see its log",
    ]);
    expect(seen.notices).toEqual([]);
    abort.abort();
    await Promise.all([alone.result, seen.result]);
  });

  const taken =
    "PersistentVolumeClaim corpus-web exists and is not this run's; delete it, or name it in spec.storage.claimName";
  const crashed = "port 8000 cannot be used (EADDRINUSE); free it or choose another spec.port";

  test.each([
    ["a run whose claim's name is somebody else's", "Corpus", "NameTaken", taken],
    ["an endpoint whose port is taken", "InferenceDeployment", "PortInUse", crashed],
    [
      "an endpoint whose program refuses its configuration",
      "InferenceDeployment",
      "InvalidConfig",
      "no such file",
    ],
    ["what only a newer operator knows", "Corpus", "OfALaterVersion", "do this"],
  ])("ends with what to do for %s, whatever else runs", async (_, kind, reason, message) => {
    const blocked = anObject(kind, "web", { root: ["False", reason, message] });
    const [root] = blocked.status?.conditions ?? [];
    const conditions = root && [root, { ...root, type: "Stalled", status: "True" as const }];
    const stalled = { ...blocked, status: { conditions } };
    const { result, emit } = startWaiting([stalled, running], { until: [wanted(kind, "web")] });
    const ended = vi.fn<() => void>();
    void result.then(ended);
    for (let seconds = 0; seconds < 9; seconds += 1) {
      emit(running);
      await vi.advanceTimersByTimeAsync(1000);
    }
    expect(ended, "an operator may be about to look again").not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1000);
    expect(ended).toHaveBeenCalled();
    const failure = conclude(await result, "");
    expect(failure?.exitCode).toBe("failed");
    expect(failure?.message).toBe(`1 of 1 objects did not succeed\n  ${kind}/web: ${reason}: ${message}`);
  });

  test("waits on while the cluster has yet to start the pods", async () => {
    const pending = anObject("PretrainRun", "base", {
      root: ["Unknown", "WaitingForPods", "no node has room"],
    });
    const { result } = startWaiting([pending], { timeoutSeconds: 600 });
    await vi.advanceTimersByTimeAsync(600_000);
    expect((await result).end).toBe("timedOut");
  });

  test("ends at once when the person interrupts", async () => {
    const abort = new AbortController();
    const { result } = startWaiting([running], { signal: abort.signal });
    await vi.advanceTimersByTimeAsync(100);
    abort.abort();
    expect((await result).end).toBe("interrupted");
  });

  test("new Warnings about its objects are shown once; old ones and others' are not", async () => {
    const abort = new AbortController();
    const { result, emit, warnings } = startWaiting([running], { signal: abort.signal });
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
    emit(event("1", "StageRestarted"));
    emit(event("1", "StageRestarted"));
    emit(event("2", "Old", { eventTime: at(-1) }));
    emit(event("3", "Usual", { type: "Normal" }));
    emit(event("4", "Other", { regarding: { ...wanted("PretrainRun", "other"), apiVersion: "", uid: "2" } }));
    abort.abort();
    await result;
    expect(warnings).toEqual(["StageRestarted"]);
  });
});

describe("how waiting ended", () => {
  const done = anObject("Corpus", "web", { root: ["True", "Completed"] });
  const failed = anObject("PretrainRun", "base", {
    root: ["False", "NumericsDiverged", "loss is NaN at step 7"],
  });
  const idle = anObject("AlignmentRun", "chat", { root: ["Unknown", "InputNotReady", "waiting for base"] });
  const suspended = anObject("PretrainRun", "base", {
    root: ["Unknown", "Suspended", "spec.suspend is true"],
  });
  const busy = anObject("PretrainRun", "base", { root: ["Unknown", "Running", "at work"] });

  const blocked = anObject("Corpus", "web", { root: ["False", "NameTaken", "the claim is somebody else's"] });

  test.each<[string, Partial<WaitResult>, string | undefined, RegExp]>([
    ["all is well", { objects: [done] }, undefined, /^$/],
    [
      "a run failed",
      { objects: [done, failed, idle] },
      "failed",
      /^2 of 3 .*\n {2}PretrainRun\/base: NumericsDiverged: loss is NaN at step 7\n {2}Align/,
    ],
    [
      "something waits for what never comes",
      { objects: [done, idle] },
      "failed",
      /InputNotReady: waiting for base/,
    ],
    [
      "a run is suspended",
      { objects: [suspended, idle] },
      "unfinished",
      /^suspended; set spec.suspend to false/,
    ],
    [
      "a run is blocked",
      { objects: [blocked, done] },
      "failed",
      /^1 of 2 .*\n {2}Corpus\/web: NameTaken: the claim/,
    ],
    ["a run failed beside a suspended one", { objects: [suspended, failed] }, "failed", /NumericsDiverged/],
    [
      "time is up",
      { end: "timedOut", objects: [done, busy] },
      "unfinished",
      /^not finished in time; run again\n {2}PretrainRun\/base: Running: at work$/,
    ],
    [
      "the person interrupts",
      { end: "interrupted", objects: [busy] },
      "interrupted",
      /^interrupted; run again$/,
    ],
    [
      "an object was deleted",
      { gone: [{ kind: "Corpus", namespace: "default", name: "web" }] },
      "failed",
      /^Corpus\/web was deleted/,
    ],
  ])("when %s", (_, result, exitCode, message) => {
    const failure = conclude({ end: "settled", objects: [], gone: [], ...result }, "run again");
    expect(failure?.exitCode).toBe(exitCode);
    expect(failure?.message ?? "").toMatch(message);
  });
});
