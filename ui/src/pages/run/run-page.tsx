import { bytes, count, figure } from "../../../../operator/cli/terminal/units.ts";
import { formatDuration } from "../../../../operator/clock/duration.ts";
import type { Metrics, ObjectPlan } from "../../../../operator/ui-server/contract.ts";
import { now } from "../../context.ts";
import { t } from "../../language/language.ts";
import { type AnyObject, apiPathOf, type Shown, type Status } from "../../objects/objects.ts";
import { acceleratorHours, secondsOf } from "../../objects/usage.ts";
import { Facts, Panel } from "../../parts/facts.tsx";
import { Empty } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { type Answer, useAnswer } from "../../use-answer.ts";
import { Pictures } from "./pictures.tsx";
import { useCurves } from "./use-curves.ts";

/** How a batch run went: its stages, every attempt with its cause, the plan beside what came of it, pictures. */
export function RunPage({ object, identity }: Shown) {
  return (
    <div class="panels">
      <Stages status={object.status ?? {}} />
      <PlanAndMeasured object={object} identity={identity} />
      <Attempts status={object.status ?? {}} />
      <Pictures object={object} identity={identity} />
    </div>
  );
}

export function Stages({ status }: { status: Status }) {
  const stages = status.stages ?? [];
  return (
    <Panel title={t("stages")} wide>
      {stages.length === 0 ? (
        <Empty>{t("stages.none")}</Empty>
      ) : (
        <ol class="stages">
          {stages.map((stage) => (
            <li key={stage.name} class={stage.state.toLowerCase()}>
              <strong>{stage.name}</strong>
              <span>{t(`stage.${stage.state}`)}</span>
              <span class="muted">
                {stage.startTime
                  ? formatDuration(secondsOf(stage.startTime, stage.completionTime, now.value))
                  : ""}
              </span>
              {stage.metrics && stage.metrics.length > 0 && (
                <dl class="figures">
                  {stage.metrics.map(({ name, value }) => (
                    <div key={name}>
                      <dt>{name}</dt>
                      <dd>{figure(value)}</dd>
                    </div>
                  ))}
                </dl>
              )}
            </li>
          ))}
        </ol>
      )}
    </Panel>
  );
}

export function Attempts({ status }: { status: Status }) {
  const attempts = status.attempts ?? [];
  return (
    <Panel title={t("attempts")} wide>
      {attempts.length === 0 ? (
        <Empty>{t("attempts.none")}</Empty>
      ) : (
        <Table
          caption={t("attempts")}
          rows={attempts.toReversed()}
          rowKey={({ jobName }) => jobName}
          columns={[
            { title: t("column.stage"), cell: ({ stage }) => stage },
            { title: t("column.number"), numeric: true, cell: ({ number }) => number },
            {
              title: t("column.took"),
              numeric: true,
              cell: (one) => formatDuration(secondsOf(one.startTime, one.endTime, now.value)),
            },
            { title: t("column.exit"), numeric: true, cell: ({ exitCode }) => exitCode ?? "" },
            {
              title: t("column.from"),
              numeric: true,
              cell: ({ resumedFromStep }) => resumedFromStep ?? "",
            },
            { title: t("column.reason"), cell: ({ reason }) => reason ?? t("stage.Running") },
            { title: t("column.message"), cell: ({ message }) => message ?? "" },
          ]}
        />
      )}
      <Facts
        rows={[
          [t("fact.restarts"), status.restarts],
          [t("fact.disruptions"), status.disruptions],
        ]}
      />
    </Panel>
  );
}

function PlanAndMeasured({ object, identity }: Shown) {
  const known = object.status?.plan;
  const asked = useAnswer<ObjectPlan>(known === undefined ? `${apiPathOf(identity)}/plan` : undefined);
  const plan = known ?? (asked.state === "ready" ? asked.value.plan : undefined);
  const main = mainStage(object);
  // What is under way says it itself.
  const ended = main?.completionTime === undefined ? undefined : main.name;
  const [curves] = useCurves([object], ended, "step", undefined);
  const measured = measuredOf(object, curves?.answer, now.value);
  const planned = {
    parameters: told(plan?.parameters, count),
    steps: told(plan?.steps, String),
    tokens: told(plan?.tokens, count),
    time: told(plan?.estimatedSeconds, formatDuration),
    speed: told(
      plan?.tokens && plan.estimatedSeconds && plan.tokens / plan.estimatedSeconds,
      tokensPerSecond,
    ),
    memory: told(plan?.memoryPerRankBytes, bytes),
    memoryLimit: told(plan?.memoryLimitPerRankBytes, bytes),
    checkpoint: told(plan?.checkpointBytes, bytes),
    ranks: told(plan?.ranks, String),
  };
  const rows = compared
    .map(({ fact, name }) => ({
      name: name(),
      planned: planned[fact as keyof typeof planned],
      measured: measured[fact],
    }))
    .filter((row) => row.planned !== undefined || row.measured !== undefined);
  const hours = acceleratorHours(object, now.value);
  return (
    <Panel title={t("plan")} wide>
      {rows.length === 0 ? (
        <Empty>{t("plan.none")}</Empty>
      ) : (
        <Table
          caption={t("plan")}
          rows={rows}
          rowKey={({ name }) => name}
          columns={[
            { title: t("column.name"), cell: ({ name }) => name },
            { title: t("column.planned"), numeric: true, cell: (row) => row.planned ?? "–" },
            { title: t("column.measured"), numeric: true, cell: (row) => row.measured ?? "–" },
          ]}
        />
      )}
      {hours && (
        <Facts rows={[[hours.gpu ? t("fact.gpuHours") : t("fact.cpuHours"), hours.hours.toFixed(2)]]} />
      )}
    </Panel>
  );
}

const told = (value: number | undefined, format: (value: number) => string) =>
  value === undefined ? undefined : format(value);

const compared: readonly { fact: string; name: () => string }[] = [
  { fact: "parameters", name: () => t("fact.parameters") },
  { fact: "steps", name: () => t("fact.steps") },
  { fact: "tokens", name: () => t("fact.tokens") },
  { fact: "time", name: () => t("fact.time") },
  { fact: "memory", name: () => t("fact.memory") },
  { fact: "memoryLimit", name: () => t("fact.memoryLimit") },
  { fact: "checkpoint", name: () => t("fact.checkpoint") },
  { fact: "speed", name: () => t("fact.speed") },
  { fact: "mfu", name: () => "MFU" },
  { fact: "ranks", name: () => t("fact.ranks") },
];

/** The one that trains, or the last. */
const mainStage = ({ status: { stages = [] } = {} }: AnyObject) =>
  stages.find(({ name }) => name === "train") ?? stages.at(-1);

/** What came of the main stage: its newest figures, or of one that has ended what its curves say. */
function measuredOf(
  object: AnyObject,
  curves: Answer<Metrics> | undefined,
  present: number,
): Record<string, string | undefined> {
  const { progress, artifact } = object.status ?? {};
  const main = mainStage(object);
  const current = progress !== undefined && progress.stage === main?.name ? progress : undefined;
  const metrics = current?.metrics ?? [];
  const figureOf = (name: string, of: (values: number[]) => number) => {
    const newest = metrics.findLast((one) => one.name === name);
    if (newest) return Number(newest.value);
    const series = curves?.state === "ready" ? curves.value.series[name] : undefined;
    const values = (series?.y ?? []).filter((value) => value !== null);
    return values.length === 0 ? undefined : of(values);
  };
  return {
    parameters: told(artifact?.parameters, count),
    steps: told(current?.step ?? (curves?.state === "ready" ? curves.value.total : undefined), String),
    time: main?.startTime && formatDuration(secondsOf(main.startTime, main.completionTime, present)),
    memory: told(
      figureOf("peak_memory_bytes", (values) => Math.max(...values)),
      bytes,
    ),
    speed: told(figureOf("tokens_per_second", mean), tokensPerSecond),
    mfu: told(figureOf("mfu", mean), (value) => `${(100 * value).toFixed(1)} %`),
  };
}

const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const tokensPerSecond = (value: number) => `${count(value)} ${t("tokensPerSecond")}`;
