import { type Metrics, metricAxes } from "../contract.ts";
import { HttpError } from "../http-error.ts";
import type { Curve } from "./curve.ts";

/** What is asked for of a run's figures, and the answer from rows wherever they come from. */

export interface MetricsQuery {
  stage?: string;
  /** Absent: none but what there is. */
  series?: readonly string[];
  x: Metrics["x"];
  from?: number;
  to?: number;
  points: number;
}

/** The figures of one stage. */
export interface MetricsSource {
  summary(): Promise<{ rows: number; names: string[] }>;
  curves(window: {
    axis: string;
    names: readonly string[];
    from?: number;
    to?: number;
    points: number;
  }): Promise<Record<string, Curve>>;
}

const mostPoints = 20_000;

/** Names in the rows of what curves are laid over. */
const columnOf = { step: "step", tokens: "tokens", time: "seconds" } as const satisfies Record<
  Metrics["x"],
  string
>;

const unitOf: Readonly<Record<string, string>> = {
  tokens_per_second: "tokens/s",
  mfu: "ratio",
  peak_memory_bytes: "bytes",
};

export async function answerMetrics(
  source: MetricsSource,
  { stage, stages }: Pick<Metrics, "stage" | "stages">,
  { series = [], x, from, to, points }: MetricsQuery,
): Promise<Metrics> {
  const { rows, names } = await source.summary();
  if (rows === 0) throw new HttpError(404, `stage ${stage} has said no figures by step yet`);
  const axes = metricAxes.filter((axis) => names.includes(columnOf[axis]));
  const isFigure = (name: string) => !Object.values<string>(columnOf).includes(name);
  const available = names.filter(isFigure).map((name) => ({ name, unit: unitOf[name] }));
  if (series.length > 0 && !axes.includes(x))
    throw new HttpError(
      404,
      `the rows of stage ${stage} do not say ${columnOf[x]}; draw them by one of: ${axes.join(", ")}`,
    );
  const unknown = series.find((name) => !available.some((one) => one.name === name));
  if (unknown !== undefined)
    throw new HttpError(
      404,
      `stage ${stage} has no figure ${unknown}; it has ${available.map(({ name }) => name).join(", ")}`,
    );
  const window = { axis: columnOf[x], names: series, from, to, points: Math.min(points, mostPoints) };
  return {
    stage,
    stages: [...stages],
    available,
    x,
    axes,
    total: rows,
    series: series.length === 0 ? {} : await source.curves(window),
  };
}
