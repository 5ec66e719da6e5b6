/**
 * When each alert fires and when it does not, on recorded series in promtool's notation: a sample a minute,
 * `1x10` is 1 eleven times, `0+60x5` counts up, `_` is a scrape without the series.
 */

export interface Case {
  /** What happens, as a sentence. */
  it: string;
  alert: string;
  series: Readonly<Record<string, string>>;
  /** When it fires, with which labels beside severity, and how `$value` reads in a sentence. */
  fires?: { at: readonly string[]; labels?: Readonly<Record<string, string>>; value?: string };
  /** When it does not: up to the end of `for`, after recovery. */
  silent: readonly string[];
}

const run = { kind: "PretrainRun", namespace: "team-a", name: "base" };
const endpoint = { kind: "InferenceDeployment", namespace: "team-a", name: "chat" };
const series = (metric: string, labels: Readonly<Record<string, string>>) =>
  `${metric}{${Object.entries(labels)
    .map(([label, value]) => `${label}="${value}"`)
    .join(", ")}}`;

const job = "tanren-operator";
const leads = series("leader_election_master_status", { job, pod: "a" });
const ready = (reason: string, of = run) =>
  series("tanren_object_status_condition", { ...of, type: "Ready", status: "False", reason });
const stalled = (reason: string, of = run, pod = "a") =>
  series("tanren_object_status_condition", { ...of, type: "Stalled", status: "True", reason, pod });
const previous = (reason: string, of = endpoint) =>
  series("tanren_object_status_condition", { ...of, type: "ServingPrevious", status: "True", reason });
const completed = series("tanren_run_completion_time", run);
const disruptions = series("tanren_run_disruptions_in_a_row", run);
const replicas = series("tanren_endpoint_replicas", endpoint);
const available = series("tanren_endpoint_replicas_available", endpoint);
const served = { namespace: "team-a", tanren_dev_name: "chat" };
const requests = (status: string, pod = "chat-1", route = "/v1/chat/completions") =>
  series("tanren_serve_requests_total", { ...served, pod, route, status });
const volume = { namespace: "team-a", persistentvolumeclaim: "pretrainrun-base" };
const claim = series("tanren_run_claim_info", { ...run, persistentvolumeclaim: "pretrainrun-base" });
const kubelet = (figure: "available" | "capacity", of = volume) =>
  series(`kubelet_volume_stats_${figure}_bytes`, of);

/** A reason of Ready that lasts. */
const lasting = (alert: string, reason: string, minutes: number): Case[] => [
  {
    it: `${reason} lasts`,
    alert,
    series: { [ready(reason)]: "_x2 1x60" },
    fires: { at: [`${minutes + 2}m`], labels: run },
    silent: ["2m", `${minutes + 1}m`],
  },
  {
    it: `${reason} is over in time, and others last`,
    alert,
    series: { [ready(reason)]: `1x${minutes - 2} stale`, [ready("Running")]: "1x60" },
    silent: [`${minutes - 1}m`, `${minutes + 3}m`, "50m"],
  },
];

export const cases: readonly Case[] = [
  {
    it: "the leader's process stands by and no other leads",
    alert: "NoLeader",
    series: { [leads]: "1x10 0x20" },
    fires: { at: ["16m"] },
    silent: ["10m", "15m"],
  },
  {
    it: "the only replica is gone, and another operator leads elsewhere",
    alert: "NoLeader",
    series: {
      [leads]: "1x10 stale",
      [series("leader_election_master_status", { job: "other" })]: "1x40",
    },
    fires: { at: ["16m"] },
    silent: ["15m"],
  },
  {
    it: "another replica leads within minutes",
    alert: "NoLeader",
    series: {
      [leads]: "1x10 stale",
      [series("leader_election_master_status", { job, pod: "b" })]: "0x13 1x60",
    },
    silent: ["13m", "16m", "30m", "34m"],
  },
  {
    it: "a watch hears nothing",
    alert: "WatchSilent",
    series: { [series("tanren_watch_silence_seconds", { job, resource: "jobs" })]: "0+60x60" },
    fires: { at: ["21m"], labels: { resource: "jobs" }, value: "21m 0s" },
    silent: ["15m", "20m"],
  },
  {
    it: "a watch is as quiet as they get",
    alert: "WatchSilent",
    series: { [series("tanren_watch_silence_seconds", { job, resource: "jobs" })]: "600x60" },
    silent: ["10m", "60m"],
  },
  {
    it: "six of ten reconciles fail",
    alert: "ReconcileErrors",
    series: {
      [series("controller_runtime_reconcile_total", { job, controller: "corpus", result: "success" })]:
        "0+4x60",
      [series("controller_runtime_reconcile_total", { job, controller: "corpus", result: "error" })]:
        "0+6x60",
      [series("controller_runtime_reconcile_errors_total", { job, controller: "corpus" })]: "0+6x60",
    },
    fires: { at: ["16m"], labels: { controller: "corpus" }, value: "60%" },
    silent: ["15m"],
  },
  {
    it: "four of ten reconciles fail, and none where nothing is reconciled",
    alert: "ReconcileErrors",
    series: {
      [series("controller_runtime_reconcile_total", { job, controller: "corpus", result: "success" })]:
        "0+6x60",
      [series("controller_runtime_reconcile_total", { job, controller: "corpus", result: "error" })]:
        "0+4x60",
      [series("controller_runtime_reconcile_errors_total", { job, controller: "corpus" })]: "0+4x60",
      [series("controller_runtime_reconcile_total", { job, controller: "evaluation", result: "success" })]:
        "5x60",
      [series("controller_runtime_reconcile_errors_total", { job, controller: "evaluation" })]: "0x60",
    },
    silent: ["30m", "60m"],
  },
  {
    it: "the queue is empty at no look",
    alert: "WorkQueueNotDrained",
    series: { [series("workqueue_depth", { job, name: "corpus" })]: "0x5 7x60" },
    // Ten minutes until the last empty look is out of sight, and ten more.
    fires: { at: ["26m"], labels: { name: "corpus" }, value: "7" },
    silent: ["15m", "24m"],
  },
  {
    it: "the queue is empty now and then",
    alert: "WorkQueueNotDrained",
    series: { [series("workqueue_depth", { job, name: "corpus" })]: "0x2 90x8 0 90x8 0 90x8 0 90x8 0" },
    silent: ["15m", "25m", "38m"],
  },
  {
    it: "a run ends badly, and is told for a day",
    alert: "RunFailed",
    series: { [stalled("OutOfMemory")]: "_x2 1x2000", [completed]: "_x2 120x2000" },
    fires: { at: ["3m", "1439m"], labels: { ...run, reason: "OutOfMemory" } },
    silent: ["1m", "1450m"],
  },
  {
    it: "another replica takes over while a failed run is told",
    alert: "RunFailed",
    series: {
      [stalled("OutOfMemory")]: "1x10 stale",
      [stalled("OutOfMemory", run, "b")]: "_x13 1x20",
      [completed]: "0x60",
    },
    fires: { at: ["5m", "12m", "20m"], labels: { ...run, reason: "OutOfMemory" } },
    silent: ["45m"],
  },
  {
    it: "a run ends well, and one that waits for a person has not failed",
    alert: "RunFailed",
    series: {
      [completed]: "60x60",
      [stalled("InvalidSpec", { ...run, name: "other" })]: "1x60",
    },
    silent: ["10m", "60m"],
  },
  {
    it: "a run waits for a person",
    alert: "ObjectBlocked",
    series: { [stalled("InvalidSpec")]: "_x2 1x60" },
    fires: { at: ["17m"], labels: { ...run, reason: "InvalidSpec" } },
    silent: ["16m"],
  },
  {
    it: "a run has failed, and an endpoint has an alert of its own",
    alert: "ObjectBlocked",
    series: {
      [stalled("OutOfMemory")]: "1x60",
      [completed]: "0x60",
      [stalled("RolloutFailed", endpoint)]: "1x60",
    },
    silent: ["20m", "60m"],
  },
  ...lasting("ChildRefused", "FailedCreate", 15),
  ...lasting("ReconcileFailed", "ReconcileFailed", 10),
  ...lasting("RunWithoutProgress", "NoProgress", 10),
  ...lasting("NodeLost", "NodeLost", 5),
  {
    it: "attempts are lost in a row, until one makes a checkpoint",
    alert: "DisruptionsInARow",
    series: { [disruptions]: "1x4 2x4 3x9 0x30" },
    // Ten minutes of three, and five as long as another replica may take.
    fires: { at: ["10m", "19m"], labels: run, value: "3" },
    silent: ["9m", "30m"],
  },
  {
    it: "a run ended with three",
    alert: "DisruptionsInARow",
    series: { [disruptions]: "3x60", [completed]: "0x60" },
    silent: ["10m", "60m"],
  },
  {
    it: "no replica serves",
    alert: "EndpointDown",
    series: { [replicas]: "2x60", [available]: "2x5 0x20 1x60" },
    fires: { at: ["11m"], labels: endpoint },
    silent: ["10m", "33m"],
  },
  {
    it: "nobody is to be served",
    alert: "EndpointDown",
    series: { [replicas]: "0x60", [available]: "0x60" },
    silent: ["10m", "60m"],
  },
  {
    it: "the model is still being trained",
    alert: "EndpointDown",
    series: { [replicas]: "1x60", [ready("InputNotReady", endpoint)]: "1x60" },
    silent: ["10m", "60m"],
  },
  {
    it: "a rollout fails while the old model is served, whatever reason follows the first",
    alert: "EndpointDegraded",
    series: {
      [replicas]: "2x90",
      [available]: "2x90",
      [previous("RollingOut")]: "_x2 1x10 stale",
      [previous("RolloutFailed")]: "_x13 1x60",
    },
    fires: { at: ["32m"], labels: endpoint },
    silent: ["31m"],
  },
  {
    it: "one of two replicas has no place for long, with the model that was asked for",
    alert: "EndpointDegraded",
    series: { [replicas]: "2x90", [available]: "2x4 1x60 2x10" },
    fires: { at: ["36m"], labels: endpoint },
    silent: ["34m", "72m"],
  },
  {
    it: "a rollout takes a while, and an endpoint that is down has an alert of its own",
    alert: "EndpointDegraded",
    series: {
      [replicas]: "2x90",
      [available]: "2x90",
      [previous("RollingOut")]: "_x2 1x25 stale",
      [series("tanren_endpoint_replicas_available", { ...endpoint, name: "down" })]: "0x90",
      [previous("RolloutFailed", { ...endpoint, name: "down" })]: "1x90",
    },
    silent: ["32m", "60m"],
  },
  {
    it: "one of ten requests finds the queue full",
    alert: "EndpointSaturated",
    series: {
      [requests("200")]: "0+45x60",
      [requests("200", "chat-2")]: "0+45x60",
      [requests("429")]: "0+10x60",
    },
    fires: { at: ["11m"], labels: served, value: "10%" },
    silent: ["10m"],
  },
  {
    it: "one of a hundred requests finds the queue full, and probes count for nothing",
    alert: "EndpointSaturated",
    series: { [requests("200")]: "0+99x60", [requests("429")]: "0+1x60" },
    silent: ["20m", "60m"],
  },
  {
    it: "one of five requests ends in an error",
    alert: "EndpointErrors",
    series: { [requests("200")]: "0+80x60", [requests("500")]: "0+20x60" },
    fires: { at: ["6m"], labels: served, value: "20%" },
    silent: ["5m"],
  },
  {
    it: "a model is being loaded: probes are told so, and what clients did wrong is no error",
    alert: "EndpointErrors",
    series: {
      [requests("503", "chat-1", "/readyz")]: "0+60x60",
      [requests("200")]: "0+10x60",
      [requests("400")]: "0+50x60",
    },
    silent: ["20m", "60m"],
  },
  {
    it: "a claim that a run writes to has a twentieth left",
    alert: "ClaimNearlyFull",
    series: { [kubelet("capacity")]: "100x60", [kubelet("available")]: "20x4 5x60", [claim]: "1x60" },
    fires: { at: ["10m"], labels: volume, value: "5%" },
    silent: ["4m", "9m"],
  },
  {
    it: "a claim is full that is not Tanren's, or whose run has ended",
    alert: "ClaimNearlyFull",
    series: {
      [kubelet("capacity")]: "100x60",
      [kubelet("available")]: "5x60",
      [claim]: "1x2 stale",
      [kubelet("capacity", { ...volume, persistentvolumeclaim: "other" })]: "100x60",
      [kubelet("available", { ...volume, persistentvolumeclaim: "other" })]: "1x60",
    },
    silent: ["10m", "60m"],
  },
];
