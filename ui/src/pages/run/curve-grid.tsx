import { useMemo } from "preact/hooks";
import { bytes, count, figure } from "../../../../operator/cli/terminal/units.ts";
import { formatDuration } from "../../../../operator/clock/duration.ts";
import type { Metrics } from "../../../../operator/ui-server/contract.ts";
import { t } from "../../language/language.ts";
import { type Line, Plot } from "../../parts/plot.tsx";
import { type CurvePanel, panelsOf } from "./panels.ts";
import { smooth } from "./smoothing.ts";
import type { Axis, Curves, CurveView } from "./use-curves.ts";

/** One picture per group of figures, lines of all runs in each. */
export function CurveGrid({
  curves,
  view,
  onZoom,
}: {
  curves: readonly Curves[];
  view: CurveView;
  onZoom: (range: readonly [number, number] | undefined) => void;
}) {
  const panels = useMemo(() => {
    const names = new Set(
      curves.flatMap(({ answer }) =>
        answer.state === "ready" ? answer.value.available.map(({ name }) => name) : [],
      ),
    );
    return panelsOf([...names]);
  }, [curves]);
  return (
    <div class="curves">
      {panels.map((panel) => (
        <CurvePlot key={panel.id} panel={panel} curves={curves} view={view} onZoom={onZoom} />
      ))}
    </div>
  );
}

function CurvePlot({
  panel,
  curves,
  view,
  onZoom,
}: {
  panel: CurvePanel;
  curves: readonly Curves[];
  view: CurveView;
  onZoom: (range: readonly [number, number] | undefined) => void;
}) {
  const lines = useMemo(() => linesOf(panel, curves, view.smoothing), [panel, curves, view.smoothing]);
  return (
    <Plot
      title={panel.title ? t(panel.title) : panel.id}
      xLabel={t(`axis.${view.x}`)}
      lines={lines}
      logX={view.logX}
      wholeX={view.x === "step"}
      logY={view.logY && panel.id !== "accuracy"}
      height={panel.id === "loss" ? 340 : 220}
      formatX={formatOf(view.x)}
      formatY={formats[panel.id] ?? figure}
      onZoom={onZoom}
    />
  );
}

const formats: Record<string, (value: number) => string> = {
  speed: count,
  memory: bytes,
  mfu: (value) => `${(100 * value).toFixed(1)} %`,
};

const formatOf = (x: Axis) => (x === "time" ? formatDuration : x === "tokens" ? count : stepText);

const stepText = (value: number) =>
  Number.isInteger(value) && value < 100_000 ? String(value) : count(value);

/** Lines of all runs, each run's figures in colours of their own; what they were smoothed from lies behind. */
function linesOf(panel: CurvePanel, curves: readonly Curves[], smoothing: number): Line[] {
  const drawn = curves
    .flatMap(({ name: run, answer }) =>
      answer.state !== "ready"
        ? []
        : panel.series.flatMap((name) => {
            const one = answer.value.series[name];
            const label = curves.length > 1 ? `${run} ${name}` : name;
            return one === undefined || one.x.length === 0 ? [] : [{ name, label, one }];
          }),
    )
    .map(
      ({ name, label, one }, color): Drawn =>
        isMeasured(name)
          ? { line: measuredLine(name, label, one, color) }
          : trainingLine(label, one, color, panel.smoothed ? smoothing : 0),
    );
  return [...drawn.flatMap(({ behind }) => behind ?? []), ...drawn.map(({ line }) => line)];
}

type Series = Metrics["series"][string];

interface Drawn {
  line: Line;
  behind?: Line;
}

/** What is measured now and then is drawn as it is. */
const isMeasured = (name: string) => name.startsWith("held_out") || name === "unigram_entropy";

const measuredLine = (name: string, label: string, one: Series, color: number): Line => ({
  ...one,
  label,
  color,
  dashed: name !== "held_out_loss",
  points: one.x.length < 60,
});

function trainingLine(label: string, one: Series, color: number, smoothing: number): Drawn {
  if (smoothing === 0) return { line: { ...one, label, color } };
  const { x, y } = one;
  return {
    line: { label, x, y: smooth(y, smoothing), color },
    behind: { label: `${label} raw`, x, y, color, faint: true },
  };
}
