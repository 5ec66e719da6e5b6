import { figure } from "../../../../operator/cli/terminal/units.ts";
import { t } from "../../language/language.ts";
import type { Shown, Status } from "../../objects/objects.ts";
import { Digest, Facts, Panel } from "../../parts/facts.tsx";
import { Empty } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { Attempts, Stages } from "../run/run-page.tsx";

interface Threshold {
  suite: string;
  metric: string;
  atLeast: string;
}

type Score = NonNullable<Status["scores"]>[number];

/** Scores with their intervals, beside what was asked of the model. */
export function EvaluationPage({ object }: Shown) {
  const { scores = [], passed, modelDigest } = object.status ?? {};
  const thresholds = (object.spec.thresholds ?? []) as Threshold[];
  const thresholdOf = (score: Score) =>
    thresholds.find(({ suite, metric }) => suite === score.suite && metric === score.metric);
  return (
    <div class="panels">
      <Panel title={t("scores")} wide>
        {scores.length === 0 ? (
          <Empty>{t("scores.none")}</Empty>
        ) : (
          <>
            <div class="scores" aria-hidden="true">
              {scores.map((score) => (
                <ScoreBar
                  key={`${score.suite} ${score.metric}`}
                  score={score}
                  atLeast={Number(thresholdOf(score)?.atLeast ?? Number.NaN)}
                />
              ))}
            </div>
            <Table
              caption={t("scores")}
              rows={scores}
              rowKey={({ suite, metric }) => `${suite} ${metric}`}
              columns={[
                { title: t("column.suite"), cell: ({ suite }) => suite },
                { title: t("column.metric"), cell: ({ metric }) => metric },
                { title: t("column.score"), numeric: true, cell: ({ value }) => figure(value) },
                {
                  title: t("column.interval"),
                  numeric: true,
                  cell: ({ low, high }) => `${figure(low)} – ${figure(high)}`,
                },
                { title: t("column.items"), numeric: true, cell: ({ count }) => count },
                { title: t("column.threshold"), cell: (score) => thresholdText(score, thresholdOf(score)) },
              ]}
            />
          </>
        )}
        <Facts
          rows={[
            [
              t("fact.passed"),
              passed === undefined ? t("passed.none") : t(passed ? "passed.yes" : "passed.no"),
            ],
            [t("fact.model"), modelDigest && <Digest digest={modelDigest} />],
          ]}
        />
      </Panel>
      <Stages status={object.status ?? {}} />
      <Attempts status={object.status ?? {}} />
    </div>
  );
}

function thresholdText(score: Score, threshold: Threshold | undefined): string {
  if (threshold === undefined) return "–";
  const met = Number(score.value) >= Number(threshold.atLeast);
  return `${met ? "✓" : "✕"} ≥ ${threshold.atLeast}`;
}

/** From 0 to 1: the score, its interval, and where the threshold lies. */
function ScoreBar({ score, atLeast }: { score: Score; atLeast: number }) {
  const [value, low, high] = [score.value, score.low, score.high].map((one) => 100 * Number(one)) as [
    number,
    number,
    number,
  ];
  return (
    <div class="score">
      <span class="score-name">
        {score.suite} <span class="muted">{score.metric}</span>
      </span>
      <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
        <line class="score-axis" x1="0" y1="5" x2="100" y2="5" />
        <line class="score-interval" x1={low} y1="5" x2={high} y2="5" />
        {Number.isFinite(atLeast) && (
          <line class="score-threshold" x1={100 * atLeast} y1="0" x2={100 * atLeast} y2="10" />
        )}
        <line class="score-value" x1={value} y1="1" x2={value} y2="9" />
      </svg>
      <span class="score-number">{value.toFixed(1)} %</span>
    </div>
  );
}
