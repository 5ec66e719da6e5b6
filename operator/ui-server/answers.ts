import { z } from "zod";
import { lastSeen } from "../cluster/objects.ts";
import { events } from "../cluster/resource.ts";
import { version } from "../version.ts";
import { type Events, type Files, type Metrics, metricAxes, type Rows, type Session } from "./contract.ts";
import { type CorpusReport, readCorpusReport } from "./corpus-report.ts";
import { HttpError } from "./http-error.ts";
import { LineIndex } from "./json-lines-file.ts";
import { answerMetrics, type MetricsQuery, type MetricsSource } from "./metrics/answer.ts";
import { readLogMetrics } from "./metrics/log-metrics.ts";
import { MetricsFile } from "./metrics/metrics-file.ts";
import { Newest } from "./newest.ts";
import { listFiles, openFile, stageDirectories } from "./stage-files.ts";
import { type View, type ViewedObject, viewedResources } from "./view.ts";

/** Answers about one object, for the server and for single-file reports alike. */

/** A file is found by its place: another view of it is the same file. */
const mostFilesKept = 64;
const metricsName = "metrics.jsonl";
/** Bytes of a file that is answered whole. */
const mostBytes = 16 * 2 ** 20;

export class Answers {
  readonly #metrics = new Newest<MetricsFile>(mostFilesKept);
  readonly #indexes = new Newest<LineIndex>(mostFilesKept);

  async session(view: View): Promise<Session> {
    return { version, ...(await view.session()) };
  }

  /** The object of that plural; throws where there is none. */
  async object(view: View, plural: string, namespace: string, name: string): Promise<ViewedObject> {
    const resource = viewedResources.find((one) => one.plural === plural);
    if (resource === undefined) {
      const known = viewedResources.map((one) => one.plural).join(", ");
      throw new HttpError(404, `there is no kind ${plural}; kinds are: ${known}`);
    }
    const found = await view.cluster.get(resource, namespace, name);
    if (found) return found;
    throw new HttpError(404, `there is no ${resource.kind} ${name} in namespace ${namespace}`);
  }

  async events({ cluster }: View, { metadata: { namespace, uid } }: ViewedObject): Promise<Events> {
    const found = await cluster.list(events, { namespace, fields: { "regarding.uid": uid } });
    const told = found.map((event) => ({
      type: event.type,
      reason: event.reason,
      message: event.note,
      count: event.series?.count ?? 1,
      lastTimestamp: lastSeen(event),
    }));
    return { events: told.toSorted((one, other) => (one.lastTimestamp < other.lastTimestamp ? -1 : 1)) };
  }

  async metrics(view: View, object: ViewedObject, query: MetricsQuery): Promise<Metrics> {
    const stages = view.claimDirectory ? await this.#stagesWithRows(view, object) : loggedStages(object);
    const stage = query.stage ?? stages.at(-1);
    if (stage === undefined || !stages.includes(stage)) {
      const which = query.stage === undefined ? "" : ` of stage ${query.stage}`;
      throw new HttpError(404, `${object.kind} ${object.metadata.name} has no figures by step${which} yet`);
    }
    const source = view.claimDirectory
      ? this.#metricsFile(view, object, stage)
      : await readLogMetrics(view.logs(object, { stage }));
    return answerMetrics(source, { stage, stages }, query);
  }

  corpusReport(view: View, object: ViewedObject): Promise<CorpusReport> {
    return readCorpusReport(view, object);
  }

  files(view: View, object: ViewedObject): Promise<Files> {
    return listFiles(view, object);
  }

  async rows(
    view: View,
    object: ViewedObject,
    path: string,
    { offset, limit }: { offset: number; limit: number },
  ): Promise<Rows> {
    const { file } = await openFile(view, object, path);
    try {
      return await this.#indexes.get(placeOf(object, path), () => new LineIndex()).page(file, offset, limit);
    } finally {
      await file.close();
    }
  }

  /** A file that is no JSON lines, whole. */
  async file(
    view: View,
    object: ViewedObject,
    path: string,
  ): Promise<{ content: Buffer; mediaType: string }> {
    const { file, mediaType } = await openFile(view, object, path);
    try {
      const { size } = await file.stat();
      if (size > mostBytes)
        throw new HttpError(413, `${path} has ${size} bytes, over ${mostBytes}, too many for a page`);
      return { content: await file.readFile(), mediaType };
    } finally {
      await file.close();
    }
  }

  #metricsFile(view: View, object: ViewedObject, stage: string): MetricsSource {
    const path = `${stage}/${metricsName}`;
    const open = async () => (await openFile(view, object, path)).file;
    const name = `${path} of ${object.kind}/${object.metadata.name}`;
    const kept = this.#metrics.get(placeOf(object, path), () => new MetricsFile(name));
    return { summary: () => kept.summary(open), curves: (window) => kept.curves(open, window) };
  }

  /** Programs of some stages write figures of the whole stage under the same name: those have no step. */
  async #stagesWithRows(view: View, object: ViewedObject): Promise<string[]> {
    const stages = stageDirectories(object).map(({ stage }) => stage);
    const names = await Promise.all(
      stages.map((stage) =>
        this.#metricsFile(view, object, stage)
          .summary()
          .catch((error: unknown) => {
            if (error instanceof HttpError && error.status === 404) return { rows: 0, names: [] as string[] };
            throw error;
          }),
      ),
    );
    return stages.filter((_, index) => names[index]?.names.includes("step"));
  }
}

/** Which of them say steps only their logs can tell. */
const loggedStages = ({ status }: ViewedObject): string[] =>
  (status?.stages ?? []).filter(({ startTime }) => startTime !== undefined).map(({ name }) => name);

const placeOf = ({ metadata: { uid } }: ViewedObject, path: string) => `${uid}/${path}`;

const whole = (most: number) => z.coerce.number().int().min(0).max(most);

const MetricsParameters = z.object({
  stage: z.string().optional(),
  series: z
    .string()
    .transform((names) => names.split(",").filter((name) => name !== ""))
    .optional(),
  x: z.enum(metricAxes).default("step"),
  from: z.coerce.number().optional(),
  to: z.coerce.number().optional(),
  points: whole(20_000).min(1).default(1000),
});
const RowsParameters = z.object({
  offset: whole(Number.MAX_SAFE_INTEGER).default(0),
  limit: whole(20_000).min(1).default(100),
});
const LogParameters = z.object({
  stage: z.string().optional(),
  attempt: whole(1_000_000).optional(),
  pod: z.string().optional(),
  tail: whole(100_000).min(1).default(1000),
});

/** Parameters of a query; throws an HttpError that names the one that is wrong. */
const reader =
  <T>(schema: z.ZodType<T>) =>
  (query: URLSearchParams): T => {
    const parsed = schema.safeParse(Object.fromEntries(query));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw new HttpError(400, `query parameter ${issue?.path.join(".")}: ${issue?.message}`);
  };

export const metricsQuery = reader(MetricsParameters);
export const rowsQuery = reader(RowsParameters);
export const logQuery = reader(LogParameters);
