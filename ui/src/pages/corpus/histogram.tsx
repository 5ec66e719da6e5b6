import { count } from "../../../../operator/cli/terminal/units.ts";

/** Counts in bins, of what there was and of it what stayed, one bar within the other. */

export interface HistogramRow {
  name: string;
  all: number;
  kept: number;
}

export function Histogram({ label, rows, all, kept }: HistogramText & { rows: readonly HistogramRow[] }) {
  const largest = Math.max(1, ...rows.map((row) => row.all));
  const width = (value: number) => ({ width: `${(100 * value) / largest}%` });
  return (
    <figure class="histogram">
      <ul class="bars" aria-label={label}>
        {rows.map((row) => (
          <li key={row.name}>
            <span class="bar-name">{row.name}</span>
            <span class="bar-within" aria-hidden="true">
              <span class="bar-whole" style={width(row.all)} />
              <span class="bar-kept" style={width(row.kept)} />
            </span>
            <span class="bar-value">
              {count(row.kept)} / {count(row.all)}
            </span>
          </li>
        ))}
      </ul>
      <figcaption>
        <ul class="legend">
          <li>
            <span class="swatch color-0" aria-hidden="true" /> {kept}
          </li>
          <li>
            <span class="swatch swatch-whole" aria-hidden="true" /> {all}
          </li>
        </ul>
      </figcaption>
    </figure>
  );
}

interface HistogramText {
  label: string;
  /** What the outer bars count, and the inner ones. */
  all: string;
  kept: string;
}
