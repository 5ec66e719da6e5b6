import { bytes, count, figure } from "../../../../operator/cli/terminal/units.ts";
import { formatDuration } from "../../../../operator/clock/duration.ts";
import type { ObjectPlan } from "../../../../operator/ui-server/contract.ts";
import { now } from "../../context.ts";
import { t } from "../../language/language.ts";
import { type AnyObject, apiPathOf, type Shown, type Status } from "../../objects/objects.ts";
import { acceleratorHours, secondsOf } from "../../objects/usage.ts";
import { Facts, Panel } from "../../parts/facts.tsx";
import { Empty } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { useAnswer } from "../../use-answer.ts";
import { Pictures } from "./pictures.tsx";

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
  const measured = measuredOf(object, now.value);
  const planned = {
    parameters: told(plan?.parameters, count),
    steps: told(plan?.steps, String),
    tokens: told(plan?.tokens, count),
    time: told(plan?.estimatedSeconds, formatDuration),
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

/** What came of the main stage: the one that trains, or the last. */
function measuredOf({ status = {} }: AnyObject, present: number): Record<string, string | undefined> {
  const { stages = [], progress, artifact } = status;
  const main = stages.find(({ name }) => name === "train") ?? stages.at(-1);
  const current = progress !== undefined && progress.stage === main?.name ? progress : undefined;
  const metrics = [...(main?.metrics ?? []), ...(current?.metrics ?? [])];
  const figureOf = (matches: (name: string) => boolean) => {
    const found = metrics.findLast(({ name }) => matches(name));
    return found && Number(found.value);
  };
  return {
    parameters: told(artifact?.parameters, count),
    steps: told(current?.step, String),
    time: main?.startTime && formatDuration(secondsOf(main.startTime, main.completionTime, present)),
    memory: told(
      figureOf((name) => name.includes("memory")),
      bytes,
    ),
    speed: told(
      figureOf((name) => name === "tokens_per_second"),
      (value) => `${count(value)} ${t("tokensPerSecond")}`,
    ),
    mfu: told(
      figureOf((name) => name === "mfu"),
      (value) => `${(100 * value).toFixed(1)} %`,
    ),
  };
}
