/**
 * Grafana's dashboards, as their JSON. Names of metrics are proved by a test against those that are exported.
 */

interface Query {
  expr: string;
  legend: string;
}

interface Panel {
  title: string;
  description: string;
  unit: string;
  queries: Query[];
}

const datasource = { type: "prometheus", uid: "$datasource" };
const rate = (metric: string, by: string) =>
  `sum by (${by}) (rate(${metric}{job=~"$job"}[$__rate_interval]))`;
const slowest = (metric: string, by: string, selector: string) =>
  `histogram_quantile(0.95, sum by (le, ${by}) (rate(${metric}_bucket{${selector}}[$__rate_interval])))`;
const ofJob = 'job=~"$job"';

const operator: Panel[] = [
  {
    title: "Reconciles",
    description: "Reconciles per second, by kind and result.",
    unit: "ops",
    queries: [
      {
        expr: rate("controller_runtime_reconcile_total", "controller, result"),
        legend: "{{controller}} {{result}}",
      },
    ],
  },
  {
    title: "Errors",
    description: "Reconciles per second that failed and are tried again.",
    unit: "ops",
    queries: [
      { expr: rate("controller_runtime_reconcile_errors_total", "controller"), legend: "{{controller}}" },
    ],
  },
  {
    title: "Length of reconciles",
    description: "95 of 100 reconciles are shorter.",
    unit: "s",
    queries: [
      {
        expr: slowest("controller_runtime_reconcile_time_seconds", "controller", ofJob),
        legend: "{{controller}}",
      },
    ],
  },
  {
    title: "Queue",
    description: "Objects that wait for a worker.",
    unit: "short",
    queries: [{ expr: `sum by (name) (workqueue_depth{${ofJob}})`, legend: "{{name}}" }],
  },
  {
    title: "Waiting in the queue",
    description: "95 of 100 objects wait a shorter time.",
    unit: "s",
    queries: [{ expr: slowest("workqueue_queue_duration_seconds", "name", ofJob), legend: "{{name}}" }],
  },
  {
    title: "Retries",
    description: "Objects per second that are tried again with backoff.",
    unit: "ops",
    queries: [{ expr: rate("workqueue_retries_total", "name"), legend: "{{name}}" }],
  },
  {
    title: "Workers at work",
    description: "Share of the workers that are reconciling.",
    unit: "percentunit",
    queries: [
      {
        expr:
          `sum by (controller) (controller_runtime_active_workers{${ofJob}}) / ` +
          `sum by (controller) (controller_runtime_max_concurrent_reconciles{${ofJob}})`,
        legend: "{{controller}}",
      },
    ],
  },
  {
    title: "Leader",
    description: "1 for the replica that acts, 0 for those that stand by.",
    unit: "short",
    queries: [{ expr: `max by (pod) (leader_election_master_status{${ofJob}})`, legend: "{{pod}}" }],
  },
  {
    title: "Requests to the API server",
    description: "Requests per second, by method and status code.",
    unit: "reqps",
    queries: [{ expr: rate("rest_client_requests_total", "method, code"), legend: "{{method}} {{code}}" }],
  },
  {
    title: "Silence of watches",
    description:
      "Time since the API server last said anything in a watch; minutes of it are normal, more is a lost connection.",
    unit: "s",
    queries: [{ expr: `max by (resource) (tanren_watch_silence_seconds{${ofJob}})`, legend: "{{resource}}" }],
  },
  {
    title: "Memory",
    description: "Resident memory of each replica.",
    unit: "bytes",
    queries: [{ expr: `max by (pod) (process_resident_memory_bytes{${ofJob}})`, legend: "{{pod}}" }],
  },
];

const ofRun = 'namespace=~"$namespace", tanren_dev_name=~"$run"';
const run = "namespace, tanren_dev_kind, tanren_dev_name";
const runLegend = "{{tanren_dev_kind}} {{namespace}}/{{tanren_dev_name}}";
const newest = (metric: string) => `max by (${run}) (${metric}{${ofRun}})`;

const runs: Panel[] = [
  {
    title: "Progress",
    description: "Share of the running stage that is done.",
    unit: "percentunit",
    queries: [{ expr: `${newest("tanren_step")} / (${newest("tanren_total")} > 0)`, legend: runLegend }],
  },
  {
    title: "Training loss",
    description: "Newest loss in nats per token.",
    unit: "short",
    queries: [{ expr: newest("tanren_loss"), legend: runLegend }],
  },
  {
    title: "Speed",
    description: "Tokens per second of training and generation.",
    unit: "short",
    queries: [{ expr: newest("tanren_tokens_per_second"), legend: runLegend }],
  },
  {
    title: "Norm of the gradients",
    description: "Before clipping; a sudden rise announces a divergence.",
    unit: "short",
    queries: [{ expr: newest("tanren_grad_norm"), legend: runLegend }],
  },
  {
    title: "Requests to endpoints",
    description: "Answers per second, by status.",
    unit: "reqps",
    queries: [
      {
        expr: `sum by (${run}, status) (rate(tanren_serve_requests_total{${ofRun}}[$__rate_interval]))`,
        legend: `${runLegend} {{status}}`,
      },
    ],
  },
  {
    title: "Time to first token",
    description: "95 of 100 answers begin sooner.",
    unit: "s",
    queries: [{ expr: slowest("tanren_serve_time_to_first_token_seconds", run, ofRun), legend: runLegend }],
  },
  {
    title: "Time between tokens",
    description: "95 of 100 tokens follow sooner.",
    unit: "s",
    queries: [{ expr: slowest("tanren_serve_inter_token_latency_seconds", run, ofRun), legend: runLegend }],
  },
  {
    title: "Requests at once",
    description: "Requests that are answered and that wait.",
    unit: "short",
    queries: [
      { expr: `sum by (${run}) (tanren_serve_requests_running{${ofRun}})`, legend: `${runLegend} answered` },
      { expr: `sum by (${run}) (tanren_serve_requests_waiting{${ofRun}})`, legend: `${runLegend} waiting` },
    ],
  },
  {
    title: "Key-value cache",
    description: "Share of the cache in use, of the fullest replica.",
    unit: "percentunit",
    queries: [{ expr: newest("tanren_serve_kv_cache_usage_ratio"), legend: runLegend }],
  },
];

const choice = (name: string, label: string, query: string) => ({
  name,
  label,
  type: "query",
  datasource,
  query: { query, refId: name },
  refresh: 2,
  includeAll: true,
  multi: true,
  current: { text: "All", value: "$__all" },
});

function dashboard(uid: string, title: string, panels: readonly Panel[], variables: readonly object[]) {
  return {
    uid,
    title,
    tags: ["tanren"],
    schemaVersion: 39,
    editable: true,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    templating: {
      list: [
        { name: "datasource", label: "Data source", type: "datasource", query: "prometheus" },
        ...variables,
      ],
    },
    panels: panels.map(({ title: name, description, unit, queries }, index) => ({
      id: index + 1,
      type: "timeseries",
      title: name,
      description,
      datasource,
      gridPos: { x: (index % 2) * 12, y: Math.floor(index / 2) * 8, w: 12, h: 8 },
      fieldConfig: { defaults: { unit }, overrides: [] },
      options: {
        legend: { displayMode: "list", placement: "bottom" },
        tooltip: { mode: "multi", sort: "desc" },
      },
      targets: queries.map(({ expr, legend }, at) => ({
        refId: String.fromCharCode("A".charCodeAt(0) + at),
        datasource,
        expr,
        legendFormat: legend,
      })),
    })),
  };
}

export const dashboards = {
  "operator.json": dashboard("tanren-operator", "Tanren: operator", operator, [
    choice("job", "Job", "label_values(controller_runtime_max_concurrent_reconciles, job)"),
  ]),
  "runs.json": dashboard("tanren-runs", "Tanren: runs and endpoints", runs, [
    choice("namespace", "Namespace", 'label_values({tanren_dev_name!=""}, namespace)'),
    choice("run", "Run", 'label_values({tanren_dev_name!="", namespace=~"$namespace"}, tanren_dev_name)'),
  ]),
};
