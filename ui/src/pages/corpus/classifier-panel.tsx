import type { ComponentChildren } from "preact";
import { count } from "../../../../operator/cli/terminal/units.ts";
import { t } from "../../language/language.ts";
import { Facts, Panel } from "../../parts/facts.tsx";
import { Table } from "../../parts/table.tsx";
import { type CorpusReport, scoreRows } from "./documents.ts";
import { Histogram } from "./histogram.tsx";

type Classifier = CorpusReport["classifiers"][number];

const percent = (value: number | null): string => (value === null ? "–" : `${(100 * value).toFixed(1)} %`);

/** How far a learned filter is to be believed: held-out examples by what it said of them, and its threshold. */
export function ClassifierPanel({
  classifier,
  scores,
}: {
  classifier: Classifier;
  scores: CorpusReport["scores"];
}) {
  const { stage, held_out, threshold, precision, recall, accuracy, calibration } = classifier;
  const bins = calibration.filter(({ documents }) => documents > 0);
  return (
    <Panel title={t("classifier", { stage })} wide>
      <Facts
        rows={[
          [t("column.threshold"), threshold.toFixed(3)],
          [t("classifier.precision"), percent(precision)],
          [t("classifier.recall"), percent(recall)],
          [t("classifier.accuracy"), percent(accuracy)],
          [t("classifier.heldOut"), count(held_out)],
        ]}
      />
      <div class="classifier">
        <Calibration bins={bins} />
        <Curve classifier={classifier} />
        <Table
          caption={t("classifier.calibration")}
          rows={bins}
          rowKey={({ from }) => String(from)}
          columns={[
            { title: t("classifier.said"), cell: ({ from, to }) => `${from.toFixed(1)} – ${to.toFixed(1)}` },
            { title: t("classifier.heldOut"), numeric: true, cell: ({ documents }) => documents },
            { title: t("classifier.clean"), numeric: true, cell: ({ clean_share }) => percent(clean_share) },
          ]}
        />
        {scores.length > 0 && (
          <div>
            <h3>{t("classifier.scores")}</h3>
            <Histogram
              label={t("classifier.scores")}
              rows={scoreRows(scores)}
              kept={t("samples.kept")}
              all={t("classifier.scored")}
            />
          </div>
        )}
      </div>
    </Panel>
  );
}

const plot = { size: 200, left: 34, top: 8, bottom: 34 };
const x = (share: number) => plot.left + share * plot.size;
const y = (share: number) => plot.top + (1 - share) * plot.size;

function Calibration({ bins }: { bins: Classifier["calibration"] }) {
  const largest = Math.max(1, ...bins.map(({ documents }) => documents));
  return (
    <Square title={t("classifier.calibration")} label={t("classifier.said")}>
      <path class="plot-even" d={`M ${x(0)} ${y(0)} L ${x(1)} ${y(1)}`} />
      {bins.map(({ from, documents, mean_probability, clean_share }) => (
        <circle
          key={from}
          class="fill-0"
          cx={x(mean_probability ?? 0)}
          cy={y(clean_share ?? 0)}
          r={3 + 6 * Math.sqrt(documents / largest)}
        />
      ))}
    </Square>
  );
}

function Curve({ classifier: { curve, threshold } }: { classifier: Classifier }) {
  const line = (of: "precision" | "recall") =>
    curve
      .filter((point) => point[of] !== null)
      .map((point, index) => `${index === 0 ? "M" : "L"} ${x(point.threshold)} ${y(point[of] ?? 0)}`)
      .join(" ");
  return (
    <Square
      title={t("classifier.curve")}
      label={t("column.threshold")}
      legend={[t("classifier.precision"), t("classifier.recall")]}
    >
      <path class="plot-even" d={`M ${x(threshold)} ${y(0)} L ${x(threshold)} ${y(1)}`} />
      <path class="plot-line line-0" d={line("precision")} />
      <path class="plot-line line-1" d={line("recall")} />
    </Square>
  );
}

function Square(shown: {
  title: string;
  label: string;
  legend?: readonly string[];
  children: ComponentChildren;
}) {
  const { title, label, legend = [], children } = shown;
  const width = plot.left + plot.size + 12;
  const height = plot.top + plot.size + plot.bottom;
  return (
    <figure class="square">
      <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
        <rect class="plot-frame" x={x(0)} y={y(1)} width={plot.size} height={plot.size} />
        {[0, 0.5, 1].map((share) => (
          <g key={share} class="flow-count">
            <text x={x(share)} y={y(0) + 15} text-anchor="middle">
              {share}
            </text>
            <text x={plot.left - 6} y={y(share) + 4} text-anchor="end">
              {share}
            </text>
          </g>
        ))}
        <text class="flow-count" x={x(0.5)} y={y(0) + 30} text-anchor="middle">
          {label}
        </text>
        {children}
      </svg>
      <figcaption>
        {title}
        {legend.length > 0 && (
          <ul class="legend">
            {legend.map((name, color) => (
              <li key={name}>
                <span class={`swatch color-${color}`} aria-hidden="true" /> {name}
              </li>
            ))}
          </ul>
        )}
      </figcaption>
    </figure>
  );
}
