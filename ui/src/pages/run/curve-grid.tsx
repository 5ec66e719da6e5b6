import { useMemo } from "preact/hooks";
import { bytes, count, figure } from "../../../../operator/cli/terminal/units.ts";
import { formatDuration } from "../../../../operator/clock/duration.ts";
import { t } from "../../language/language.ts";
import { type Line, Plot } from "../../parts/plot.tsx";
import type { CurveView } from "./curves-page.tsx";
import { type CurvePanel, panelsOf } from "./panels.ts";
import { smooth } from "./smoothing.ts";
import type { Axis, Curves } from "./use-curves.ts";

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

/** Smoothed lines with what they were smoothed from faintly behind; measured points are drawn as they are. */
function linesOf(panel: CurvePanel, curves: readonly Curves[], smoothing: number): Line[] {
  let color = 0;
  const faint: Line[] = [];
  const lines: Line[] = [];
  for (const { name: run, answer } of curves) {
    if (answer.state !== "ready") continue;
    for (const name of panel.series) {
      const one = answer.value.series[name];
      if (one === undefined || one.x.length === 0) continue;
      const label = curves.length > 1 ? `${run} ${name}` : name;
      const measured = name.startsWith("held_out") || name === "unigram_entropy";
      const smoothed = panel.smoothed && smoothing > 0 && !measured;
      const { x, y, low, high } = one;
      if (smoothed) faint.push({ label: `${label} raw`, x, y, color, faint: true });
      lines.push({
        label,
        x,
        y: smoothed ? smooth(y, smoothing) : y,
        ...(!smoothed && low && high && { low, high }),
        color,
        dashed: measured && name !== "held_out_loss",
        points: measured && x.length < 60,
      });
      color += 1;
    }
  }
  return [...faint, ...lines];
}
