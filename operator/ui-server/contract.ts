import { z } from "zod";

/**
 * What the page and its server say to each other below `/api/`: the one truth of both sides. The page imports the
 * types alone, so that no schema is in its bundle; the server's tests hold every answer against the schemas.
 */

/** The body of every answer whose status is not 2xx. */
export const ErrorAnswer = z.object({ error: z.object({ message: z.string() }) });
export type ErrorAnswer = z.output<typeof ErrorAnswer>;

/** GET /api/session */
export const Session = z.object({
  version: z.string(),
  where: z.enum(["local", "cluster"]),
  /** The state directory's absolute path, or the context with its server. */
  name: z.string(),
  /** Where nobody named a namespace. */
  namespace: z.string(),
  /** All that the viewer may list; null where the viewer may not list namespaces, and names one. */
  namespaces: z.array(z.string()).nullable(),
  /** As the API server knows the viewer; absent on this machine. */
  user: z.string().optional(),
});
export type Session = z.output<typeof Session>;

/** A whole Kubernetes object without metadata.managedFields. */
export const WatchedObject = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({
    name: z.string(),
    namespace: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    generation: z.int().optional(),
    creationTimestamp: z.string(),
    deletionTimestamp: z.string().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.record(z.string(), z.unknown()).optional(),
  status: z.record(z.string(), z.unknown()).optional(),
});
export type WatchedObject = z.output<typeof WatchedObject>;

/** A line of GET /api/watch?namespace=NS (absent: all namespaces), which is newline-delimited JSON. */
export const WatchLine = z.discriminatedUnion("type", [
  z.object({ type: z.enum(["ADDED", "MODIFIED", "DELETED"]), object: WatchedObject }),
  /** The present state is told; kinds that could not be read have had their ERROR before. */
  z.object({ type: z.literal("SYNCED") }),
  /** Every 15 s, so that either side finds out that the other is gone. */
  z.object({ type: z.literal("HEARTBEAT") }),
  /** `kind`: one kind cannot be read and the others go on; absent: the stream ends. */
  z.object({ type: z.literal("ERROR"), message: z.string(), kind: z.string().optional() }),
]);
export type WatchLine = z.output<typeof WatchLine>;

/** GET /api/objects/{plural}/{namespace}/{name}/events, newest last. */
export const Events = z.object({
  events: z.array(
    z.object({
      type: z.string(),
      reason: z.string(),
      message: z.string(),
      count: z.int(),
      lastTimestamp: z.string(),
    }),
  ),
});
export type Events = z.output<typeof Events>;

/** GET /api/objects/{plural}/{namespace}/{name}/plan, as `tanren plan -o json` says it of one object. */
export const ObjectPlan = z.object({
  kind: z.string(),
  namespace: z.string(),
  name: z.string(),
  plan: z
    .object({
      steps: z.int().optional(),
      tokens: z.int().optional(),
      parameters: z.int().optional(),
      ranks: z.int(),
      memoryPerRankBytes: z.int().optional(),
      memoryLimitPerRankBytes: z.int().optional(),
      checkpointBytes: z.int().optional(),
      estimatedSeconds: z.int().optional(),
    })
    .optional(),
  problems: z.array(
    z.object({
      severity: z.enum(["error", "warning"]),
      message: z.string(),
      reason: z.string().optional(),
      about: z.enum(["manifests", "surroundings"]),
      field: z.string().optional(),
    }),
  ),
});
export type ObjectPlan = z.output<typeof ObjectPlan>;

export const metricAxes = ["step", "tokens", "time"] as const;

/**
 * GET /api/objects/{plural}/{namespace}/{name}/metrics?stage=&series=A,B&x=&from=&to=&points=. Without `series`
 * only `available` is answered. Where more rows than `points` are asked for, y is the mean of a bucket of rows and
 * low and high are its least and greatest value; else low and high are absent.
 */
export const Metrics = z.object({
  stage: z.string(),
  /** Stages that have figures, in order. */
  stages: z.array(z.string()),
  available: z.array(z.object({ name: z.string(), unit: z.string().optional() })),
  x: z.enum(metricAxes),
  /** What the rows can be laid over. */
  axes: z.array(z.enum(metricAxes)),
  /** Rows in all. */
  total: z.int(),
  series: z.record(
    z.string(),
    z.object({
      x: z.array(z.number()),
      y: z.array(z.number().nullable()),
      low: z.array(z.number().nullable()).optional(),
      high: z.array(z.number().nullable()).optional(),
    }),
  ),
});
export type Metrics = z.output<typeof Metrics>;

/** GET /api/objects/{plural}/{namespace}/{name}/files; each is read by its path below it. */
export const Files = z.object({
  files: z.array(
    z.object({
      /** STAGE/PATH in the artifact of the stage, e.g. corpus/report.json. */
      path: z.string(),
      size: z.int(),
      mediaType: z.enum(["application/json", "application/jsonl", "image/png"]),
    }),
  ),
});
export type Files = z.output<typeof Files>;

/** GET .../files/{path}?offset=&limit= of an application/jsonl file. */
export const Rows = z.object({
  rows: z.array(z.unknown()),
  /** Lines in all. */
  total: z.int(),
  /** Offset of the row after these; null after the last. */
  next: z.int().nullable(),
});
export type Rows = z.output<typeof Rows>;

/** GET /api/endpoints/{namespace}/{name}/metrics: names and labels as Prometheus writes them. */
export const EndpointMetrics = z.object({ values: z.record(z.string(), z.number()) });
export type EndpointMetrics = z.output<typeof EndpointMetrics>;

/** What a single-file report carries in its script element `tanren-report`. */
export const Report = z.object({
  version: z.string(),
  made: z.string(),
  object: WatchedObject,
  /** What it was made from and what was made from it. */
  related: z.array(WatchedObject),
  /**
   * Answers by request, `GET /api/...`, its query sorted by name. Metrics are kept under their path without a query,
   * with all series by step: whatever is asked for is taken from there. Logs are texts, pictures `data:` addresses.
   */
  data: z.record(z.string(), z.unknown()),
});
export type Report = z.output<typeof Report>;
