import { bytes, count, figure } from "../../../../operator/cli/terminal/units.ts";
import { formatDuration } from "../../../../operator/clock/duration.ts";
import type { ObjectPlan } from "../../../../operator/ui-server/contract.ts";
import { now } from "../../context.ts";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown, type Status } from "../../objects/objects.ts";
import { acceleratorHours, secondsOf } from "../../objects/usage.ts";
import { type FactRow, Facts, Panel } from "../../parts/facts.tsx";
import { Empty } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { useAnswer } from "../../use-answer.ts";

/** How a batch run went: its stages, every attempt with its cause, and the plan beside what came of it. */
export function RunPage({ object, identity }: Shown) {
  return (
    <div class="panels">
      <Stages status={object.status ?? {}} />
      <PlanAndMeasured object={object} identity={identity} />
      <Attempts status={object.status ?? {}} />
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
  const { plan: known, progress, artifact, stages = [] } = object.status ?? {};
  const asked = useAnswer<ObjectPlan>(known === undefined ? `${apiPathOf(identity)}/plan` : undefined);
  const plan = known ?? (asked.state === "ready" ? asked.value.plan : undefined);
  const main = stages.find(({ name }) => name === "train") ?? stages.at(-1);
  const metrics = [
    ...(main?.metrics ?? []),
    ...(progress?.stage === main?.name ? (progress?.metrics ?? []) : []),
  ];
  const measured = (name: string) => metrics.findLast((one) => one.name === name)?.value;
  const took = main?.startTime && secondsOf(main.startTime, main.completionTime, now.value);
  const speed = measured("tokens_per_second");
  const hours = acceleratorHours(object, now.value);
  const rows: readonly (readonly [string, string | undefined, string | undefined])[] = [
    [
      t("fact.parameters"),
      plan?.parameters && count(plan.parameters),
      artifact?.parameters && count(artifact.parameters),
    ],
    [
      t("fact.steps"),
      plan?.steps?.toString(),
      progress && progress.stage === main?.name ? String(progress.step) : undefined,
    ],
    [t("fact.tokens"), plan?.tokens && count(plan.tokens), undefined],
    [
      t("fact.time"),
      plan?.estimatedSeconds && formatDuration(plan.estimatedSeconds),
      took ? formatDuration(took) : undefined,
    ],
    [t("fact.memory"), plan?.memoryPerRankBytes && bytes(plan.memoryPerRankBytes), peakMemory(metrics)],
    [t("fact.memoryLimit"), plan?.memoryLimitPerRankBytes && bytes(plan.memoryLimitPerRankBytes), undefined],
    [t("fact.checkpoint"), plan?.checkpointBytes && bytes(plan.checkpointBytes), undefined],
    [t("fact.speed"), undefined, speed && `${count(Number(speed))} ${t("tokensPerSecond")}`],
    ["MFU", undefined, measured("mfu") && `${(100 * Number(measured("mfu"))).toFixed(1)} %`],
    [t("fact.ranks"), plan?.ranks?.toString(), undefined],
  ].map(([name, planned, was]) => [
    String(name),
    planned ? String(planned) : undefined,
    was ? String(was) : undefined,
  ]);
  const told = rows.filter(([, planned, was]) => planned !== undefined || was !== undefined);
  const usage: FactRow[] =
    hours === undefined
      ? []
      : [[hours.gpu ? t("fact.gpuHours") : t("fact.cpuHours"), hours.hours.toFixed(2)]];
  return (
    <Panel title={t("plan")} wide>
      {told.length === 0 ? (
        <Empty>{t("plan.none")}</Empty>
      ) : (
        <Table
          caption={t("plan")}
          rows={told}
          rowKey={([name]) => name}
          columns={[
            { title: "", cell: ([name]) => name },
            { title: t("column.planned"), numeric: true, cell: ([, planned]) => planned ?? "–" },
            { title: t("column.measured"), numeric: true, cell: ([, , was]) => was ?? "–" },
          ]}
        />
      )}
      <Facts rows={usage} />
    </Panel>
  );
}

function peakMemory(metrics: readonly { name: string; value: string }[]): string | undefined {
  const found = metrics.findLast(({ name }) => name.includes("memory"));
  return found && bytes(Number(found.value));
}
