/**
 * Alerts for Prometheus: as a rules file that any Prometheus loads, and in the chart's PrometheusRule. Each
 * says what a platform team can act on; what to do stands in docs/operations.md under its name.
 */

interface Alert {
  /** Without the prefix that all share. */
  name: string;
  severity: "critical" | "warning";
  expr: string;
  for?: string;
  summary: string;
  description: string;
}

/** What the chart replaces by the release's own, and where the runbook is served. */
export const operatorJob = 'job="tanren-operator"';
export const runbook = "docs/operations.md";

const object = "kind, namespace, name";
const endpoint = "namespace, tanren_dev_name";
const isObject = "{{ $labels.kind }} {{ $labels.namespace }}/{{ $labels.name }}";
const isEndpoint = "InferenceDeployment {{ $labels.namespace }}/{{ $labels.tanren_dev_name }}";

/** Two replicas may both tell of an object while one hands over to the other. */
const newest = (series: string, by = object) => `max by (${by}) (${series})`;
const readyReason = (reason: string) =>
  newest(`tanren_object_status_condition{type="Ready", reason="${reason}"}`);
const available = newest("tanren_endpoint_replicas_available");
const ended = newest("tanren_run_completion_time");
const stalled = (selector = "") =>
  newest(`tanren_object_status_condition{type="Stalled", status="True"${selector}}`, `${object}, reason`);
const answers = (selector = "") =>
  `sum by (${endpoint}) (rate(tanren_serve_requests_total{route=~"/v1/.+"${selector}}[5m]))`;

const operator: Alert[] = [
  {
    name: "NoLeader",
    severity: "critical",
    expr: `absent(leader_election_master_status{${operatorJob}} == 1)`,
    for: "5m",
    summary: "No operator of Tanren acts.",
    description:
      "No replica of the operator that Prometheus can scrape holds the leader's lease. Runs and endpoints continue, but nothing is started, restarted or rolled out.",
  },
  {
    name: "WatchSilent",
    severity: "critical",
    expr: `max by (resource) (tanren_watch_silence_seconds{${operatorJob}}) > 900`,
    for: "5m",
    summary: "The operator hears nothing of {{ $labels.resource }}.",
    description:
      "The API server has said nothing in the watch of {{ $labels.resource }} for {{ $value | humanizeDuration }}; it sends a sign of life at least every ten minutes. Changes of {{ $labels.resource }} are not acted on.",
  },
  {
    name: "ReconcileErrors",
    severity: "warning",
    expr:
      `sum by (controller) (rate(controller_runtime_reconcile_errors_total{${operatorJob}}[10m])) / ` +
      `sum by (controller) (rate(controller_runtime_reconcile_total{${operatorJob}}[10m])) > 0.5`,
    for: "15m",
    summary: "Most reconciles of {{ $labels.controller }} fail.",
    description:
      "{{ $value | humanizePercentage }} of the reconciles of {{ $labels.controller }} have failed in the last ten minutes.",
  },
  {
    name: "WorkQueueNotDrained",
    severity: "warning",
    expr: `min by (name) (min_over_time(workqueue_depth{${operatorJob}}[10m])) > 0`,
    for: "10m",
    summary: "Objects of {{ $labels.name }} wait for the operator.",
    description:
      "At least {{ $value }} objects of {{ $labels.name }} have waited for a worker at every look for ten minutes.",
  },
];

const objects: Alert[] = [
  {
    name: "RunFailed",
    severity: "warning",
    expr: `${stalled()} and on (${object}) (time() - ${ended} < 86400)`,
    summary: `${isObject} has failed: {{ $labels.reason }}.`,
    description: `${isObject} ended in the last 24 hours without what was asked for. Its condition Succeeded says why.`,
  },
  {
    name: "ObjectBlocked",
    severity: "warning",
    expr: `${stalled(', kind!="InferenceDeployment"')} unless on (${object}) ${ended}`,
    for: "15m",
    summary: `${isObject} waits for a person: {{ $labels.reason }}.`,
    description: `${isObject} goes no further until somebody changes what its condition Succeeded names.`,
  },
  {
    name: "ChildRefused",
    severity: "warning",
    expr: readyReason("FailedCreate"),
    for: "15m",
    summary: `The cluster refuses what ${isObject} needs.`,
    description: `A quota, a policy, a webhook or a missing account keeps ${isObject} from creating its pods. Its Ready condition has the sentence of who refuses.`,
  },
  {
    name: "ReconcileFailed",
    severity: "warning",
    expr: readyReason("ReconcileFailed"),
    for: "10m",
    summary: `The operator fails at ${isObject}.`,
    description: `The operator has failed at ${isObject} for ten minutes and tries again. Its Ready condition has the error.`,
  },
  {
    name: "RunWithoutProgress",
    severity: "warning",
    expr: readyReason("NoProgress"),
    for: "10m",
    summary: `${isObject} runs and makes no step.`,
    description: `The program of ${isObject} has made no step for more than twenty minutes, and keeps what it holds: nodes and GPUs.`,
  },
  {
    name: "NodeLost",
    severity: "warning",
    expr: readyReason("NodeLost"),
    for: "5m",
    summary: `A node with a pod of ${isObject} does not answer.`,
    description: `${isObject} waits until the node answers or is removed from the cluster, or for failurePolicy.nodeLostSeconds.`,
  },
  {
    name: "DisruptionsInARow",
    severity: "warning",
    expr: `${newest("tanren_run_disruptions_in_a_row")} >= 3 unless on (${object}) ${ended}`,
    summary: `${isObject} is interrupted again and again.`,
    description: `The infrastructure has ended {{ $value }} attempts of ${isObject} in a row before a new checkpoint. More than failurePolicy.maxDisruptions end the run.`,
  },
  {
    name: "EndpointDown",
    severity: "critical",
    expr: `${available} == 0 and on (${object}) ${newest("tanren_endpoint_replicas")} > 0`,
    for: "5m",
    summary: `${isObject} serves nobody.`,
    description: `No replica of ${isObject} is available.`,
  },
  {
    name: "EndpointDegraded",
    severity: "warning",
    expr: `(${newest('tanren_object_status_condition{type="ServingPrevious", status="True"}')} or ${available} < on (${object}) ${newest("tanren_endpoint_replicas")}) and on (${object}) ${available} > 0`,
    for: "30m",
    summary: `${isObject} serves, but not what its spec asks for.`,
    description: `${isObject} has served an older model, or with too few replicas, for half an hour. Its Ready condition says what is in the way.`,
  },
];

const programs: Alert[] = [
  {
    name: "EndpointSaturated",
    severity: "warning",
    expr: `${answers(', status="429"')} / ${answers()} > 0.05`,
    for: "10m",
    summary: `${isEndpoint} turns requests away.`,
    description: `{{ $value | humanizePercentage }} of the requests to ${isEndpoint} find its queue full.`,
  },
  {
    name: "EndpointErrors",
    severity: "critical",
    expr: `${answers(', status=~"5.."')} / ${answers()} > 0.05`,
    for: "5m",
    summary: `${isEndpoint} answers with errors.`,
    description: `{{ $value | humanizePercentage }} of the requests to ${isEndpoint} end in an error of the server.`,
  },
  {
    name: "ClaimNearlyFull",
    severity: "warning",
    expr:
      "max by (namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes / kubelet_volume_stats_capacity_bytes) < 0.1 " +
      "and on (namespace, persistentvolumeclaim) tanren_run_claim_info",
    for: "5m",
    summary: "Claim {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} is nearly full.",
    description:
      "{{ $value | humanizePercentage }} of claim {{ $labels.namespace }}/{{ $labels.persistentvolumeclaim }} are left, and a run writes to it. When it is full the run ends with DiskFull until there is room.",
  },
];

const prefix = "Tanren";
/** Longer than another replica takes to lead and be scraped: an alert does not end for that. */
const handover = "5m";

const rules = (alerts: readonly Alert[], keepFiring?: string) =>
  alerts.map(({ name, expr, for: after, severity, summary, description }) => ({
    alert: prefix + name,
    expr,
    ...(after !== undefined && { for: after }),
    ...(keepFiring !== undefined && { keep_firing_for: keepFiring }),
    labels: { severity },
    annotations: { summary, description, runbook_url: `${runbook}#${(prefix + name).toLowerCase()}` },
  }));

/** A rules file of Prometheus, which is the spec of a PrometheusRule too. */
export const alertRules = {
  groups: [
    { name: "tanren.operator", rules: rules(operator) },
    { name: "tanren.objects", rules: rules(objects, handover) },
    { name: "tanren.programs", rules: rules(programs) },
  ],
};
