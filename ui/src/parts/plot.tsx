import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { count, figure } from "../../../operator/cli/terminal/units.ts";
import { t } from "../language/language.ts";
import { palette } from "../theme.ts";
import { Table } from "./table.tsx";

/**
 * Lines over one axis, drawn by uPlot, with a legend that tells the values under the cursor, arrow keys that move
 * it, and the same numbers as a table for whoever cannot see the picture.
 */

export interface Line {
  label: string;
  x: readonly number[];
  y: readonly (number | null)[];
  /** Least and greatest value, or interval, around y. */
  low?: readonly (number | null)[];
  high?: readonly (number | null)[];
  /** Number of the colour; lines that belong together share one. */
  color: number;
  faint?: boolean;
  dashed?: boolean;
  /** Intervals as bars at each point, not as a band. */
  bars?: boolean;
  points?: boolean;
}

export interface PlotProps {
  title: string;
  xLabel: string;
  lines: readonly Line[];
  logX?: boolean;
  logY?: boolean;
  /** Between whole numbers of x there is nothing to say. */
  wholeX?: boolean;
  height?: number;
  formatX?: (value: number) => string;
  formatY?: (value: number) => string;
  /** Told what was picked by dragging; undefined for the whole again. */
  onZoom?: (range: readonly [number, number] | undefined) => void;
}

export const colors = 8;

/** A column's value under the cursor, as text. */
function atCursor(
  column: readonly (number | null | undefined)[] | uPlot.AlignedData[number] | undefined,
  index: number | undefined,
  format: (value: number) => string,
): string {
  const value = index === undefined ? undefined : column?.[index];
  return value === undefined || value === null ? "" : format(value);
}

interface Aligned {
  data: uPlot.AlignedData;
  /** Where in data a line's y, low and high stand. */
  places: { y: number; low?: number; high?: number }[];
}

/** All lines over the union of their x, as uPlot wants them. On a log axis, what is not positive has no place. */
export function align(lines: readonly Line[], logX: boolean, logY: boolean): Aligned {
  const xs = [...new Set(lines.flatMap(({ x }) => x))].filter((x) => !logX || x > 0).sort((a, b) => a - b);
  const index = new Map(xs.map((x, place) => [x, place]));
  const data: (number | null | undefined)[][] = [];
  const spread = (x: readonly number[], y: readonly (number | null)[]) => {
    const column = new Array<number | null | undefined>(xs.length).fill(undefined);
    for (const [row, at] of x.entries()) {
      const place = index.get(at);
      const value = y[row] ?? null;
      if (place !== undefined) column[place] = logY && value !== null && value <= 0 ? null : value;
    }
    return data.push(column);
  };
  const places = lines.map(({ x, y, low, high }) => ({
    y: spread(x, y),
    ...(low && high && { low: spread(x, low), high: spread(x, high) }),
  }));
  return { data: [xs, ...data] as uPlot.AlignedData, places };
}

export function Plot(props: PlotProps) {
  const { title, lines, logX = false, logY = false, formatX = count, formatY = figure } = props;
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | undefined>(undefined);
  const values = useRef<(HTMLElement | null)[]>([]);
  const position = useRef<HTMLOutputElement>(null);
  const [asTable, setAsTable] = useState(false);
  const aligned = useMemo(() => align(lines, logX, logY), [lines, logX, logY]);
  const colorsInEffect = palette.value;

  useEffect(() => {
    const element = place.current;
    if (element === null || aligned.data[0].length === 0 || !hasCanvas()) return;
    const tell = (index: number | undefined) => {
      if (position.current) position.current.textContent = atCursor(aligned.data[0], index, formatX);
      for (const [line, label] of values.current.entries())
        if (label) label.textContent = atCursor(aligned.data[aligned.places[line]?.y ?? -1], index, formatY);
    };
    const made = new uPlot(optionsOf(props, aligned, element, tell), aligned.data, element);
    chart.current = made;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height: made.height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      chart.current = undefined;
      made.destroy();
    };
  }, [aligned, logX, logY, colorsInEffect, props.height, props.onZoom]);

  const moveCursor = (event: KeyboardEvent) => {
    const made = chart.current;
    if (made === undefined) return;
    if (event.key === "Escape") {
      props.onZoom?.(undefined);
      return;
    }
    const last = aligned.data[0].length - 1;
    const from = made.cursor.idx ?? 0;
    const stride = event.shiftKey ? Math.max(1, Math.round(last / 20)) : 1;
    const to = { ArrowLeft: from - stride, ArrowRight: from + stride, Home: 0, End: last }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const index = Math.min(last, Math.max(0, to));
    made.setCursor({ left: made.valToPos(aligned.data[0][index] ?? 0, "x"), top: made.bbox.height / 4 });
  };

  return (
    <figure class="plot">
      <figcaption>
        <span class="plot-title">{title}</span>
        <output class="plot-x" ref={position} />
        <button type="button" class="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          {t("plot.table")}
        </button>
      </figcaption>
      {asTable ? (
        <PlotTable {...props} aligned={aligned} formatX={formatX} formatY={formatY} />
      ) : (
        <div
          class="plot-canvas"
          role="application"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: arrow keys move the cursor through the values
          tabIndex={0}
          aria-label={t("plot.label", { title, lines: lines.map(({ label }) => label).join(", ") })}
          onKeyDown={moveCursor}
          ref={place}
        />
      )}
      <ul class="legend">
        {lines.map((line, index) =>
          line.faint ? null : (
            <li key={line.label}>
              <span
                class={`swatch color-${line.color % colors}${line.dashed ? " dashed" : ""}`}
                aria-hidden="true"
              />
              {line.label}{" "}
              <output
                ref={(element) => {
                  values.current[index] = element;
                }}
              />
            </li>
          ),
        )}
      </ul>
    </figure>
  );
}

function PlotTable({
  title,
  xLabel,
  lines,
  aligned,
  formatX,
  formatY,
}: PlotProps & { aligned: Aligned; formatX: (value: number) => string; formatY: (value: number) => string }) {
  const xs = aligned.data[0];
  const every = Math.max(1, Math.ceil(xs.length / 200));
  const rows = Array.from(xs.keys()).filter((row) => row % every === 0 || row === xs.length - 1);
  return (
    <Table
      caption={title}
      rows={rows}
      rowKey={String}
      columns={[
        { title: xLabel, numeric: true, cell: (row) => formatX(xs[row] ?? 0) },
        ...lines.flatMap((line, index) => {
          const at = aligned.places[index];
          if (line.faint || at === undefined) return [];
          return [
            {
              title: line.label,
              numeric: true,
              cell: (row: number) => {
                const value = aligned.data[at.y]?.[row];
                return value === undefined || value === null ? "" : formatY(value);
              },
            },
          ];
        }),
      ]}
    />
  );
}

/** 1, 2, 5, 10 and so on, up to what a count of steps or positions reaches. */
const wholeSteps = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((one) => one * 10 ** power)).flat();

/** A browser always has one; the tests' document has none. */
const hasCanvas = () => document.createElement("canvas").getContext("2d") !== null;

function optionsOf(
  props: PlotProps,
  { places }: Aligned,
  element: HTMLElement,
  onCursor: (index: number | undefined) => void,
): uPlot.Options {
  const {
    lines,
    logX = false,
    logY = false,
    height = 240,
    formatX = count,
    formatY = figure,
    onZoom,
  } = props;
  const color = (name: string) => colorOf(element, name);
  const axis = {
    stroke: color("--muted"),
    grid: { stroke: color("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  const series: uPlot.Series[] = [{}];
  const bands: uPlot.Band[] = [];
  for (const [index, line] of lines.entries()) {
    const stroke = color(`--color-${line.color % colors}`);
    const at = places[index];
    series.push({
      label: line.label,
      stroke: line.faint ? `${stroke.replace("rgb(", "rgba(").replace(")", ", 0.28)")}` : stroke,
      width: line.faint ? 1 : 1.75,
      dash: line.dashed ? [6, 4] : undefined,
      spanGaps: true,
      points: { show: line.points ?? false, size: 6, fill: stroke },
    });
    if (at?.low === undefined || at.high === undefined) continue;
    // Drawn as a band between two lines without stroke, or as bars by the hook below.
    series.push({ stroke: "transparent", width: 0, spanGaps: true, points: { show: false } });
    series.push({ stroke: "transparent", width: 0, spanGaps: true, points: { show: false } });
    if (!line.bars)
      bands.push({
        series: [at.high, at.low],
        fill: stroke.replace("rgb(", "rgba(").replace(")", ", 0.14)"),
      });
  }
  return {
    width: Math.max(200, element.clientWidth),
    height,
    legend: { show: false },
    series,
    bands,
    scales: {
      x: { time: false, distr: logX ? 3 : 1 },
      y: { distr: logY ? 3 : 1 },
    },
    axes: [
      {
        ...axis,
        values: (_, splits) => splits.map((value) => (value === null ? "" : formatX(value))),
        size: 32,
        ...(props.wholeX && { incrs: wholeSteps }),
      },
      {
        ...axis,
        values: (_, splits) => splits.map((value) => (value === null ? "" : tick(formatY(value)))),
        size: 60,
      },
    ],
    cursor: {
      drag: { x: onZoom !== undefined, y: false, setScale: false },
      points: { size: 7 },
      bind: {
        dblclick: () => () => {
          onZoom?.(undefined);
          return null;
        },
      },
    },
    hooks: {
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? undefined)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width > 4 && onZoom) onZoom([plot.posToVal(left, "x"), plot.posToVal(left + width, "x")]);
        },
      ],
      draw: [(plot) => drawBars(plot, lines, places)],
    },
  };
}

/** Vertical bars from low to high at each point, as figures in papers have them. */
function drawBars(plot: uPlot, lines: readonly Line[], places: Aligned["places"]): void {
  const { ctx, data } = plot;
  const cap = 3 * devicePixelRatio;
  for (const [index, line] of lines.entries()) {
    const at = places[index];
    if (!line.bars || at?.low === undefined || at.high === undefined) continue;
    const stroke = plot.series[at.y]?.stroke;
    ctx.save();
    ctx.strokeStyle = typeof stroke === "function" ? String(stroke(plot, at.y)) : String(stroke);
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (const [row, x] of data[0].entries()) {
      const low = data[at.low]?.[row];
      const high = data[at.high]?.[row];
      if (low === undefined || low === null || high === undefined || high === null) continue;
      const left = plot.valToPos(x, "x", true);
      const [bottom, top] = [plot.valToPos(low, "y", true), plot.valToPos(high, "y", true)];
      ctx.moveTo(left, bottom);
      ctx.lineTo(left, top);
      for (const end of [bottom, top]) {
        ctx.moveTo(left - cap, end);
        ctx.lineTo(left + cap, end);
      }
    }
    ctx.stroke();
    ctx.restore();
  }
}

/** A custom property as the browser computes it here, with light and dark resolved: canvases need rgb(...). */
function colorOf(element: HTMLElement, name: string): string {
  const before = element.style.color;
  element.style.color = `var(${name})`;
  const computed = getComputedStyle(element).color;
  element.style.color = before;
  return computed;
}

/** Beside an axis a number ends with no zeros: 0.002000 would not fit, and says no more than 0.002. */
const tick = (text: string) => (Number.isFinite(Number(text)) ? String(Number(text)) : text);
