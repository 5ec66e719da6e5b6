import { Command, Option } from "commander";
import { inferenceDeployment } from "../../api/kinds.ts";
import type { Pod } from "../../cluster/objects.ts";
import { pods } from "../../cluster/resource.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, parseReference, title } from "../kinds.ts";
import { positiveInteger, withHelp } from "../options.ts";
import { findObject, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { ReadableCluster, Target } from "../target/target.ts";
import { printable } from "../terminal/printable.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { figure } from "../terminal/units.ts";

interface LogsOptions {
  namespace?: string;
  stage?: string;
  attempt?: number;
  follow?: boolean;
  previous?: boolean;
  raw?: boolean;
}

export function logsCommand(): Command {
  const command = new Command("logs")
    .description("show the logs of an object's programs: of its newest stage, unless --stage names one")
    .argument("<kind>", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .option("--stage <stage>", "stage of a run")
    .option("-f, --follow", "follow until the programs end")
    .addOption(
      new Option("--attempt <n>", "an attempt by its number (default: the newest that has pods)").argParser(
        positiveInteger,
      ),
    )
    .addOption(
      new Option(
        "-p, --previous",
        "the attempt before the newest; of an endpoint, before its last restart",
      ).conflicts("attempt"),
    )
    .option("--raw", "JSON lines as they were written (always so when not on a terminal)")
    .action(onTarget(logs));
  return withHelp(command, [
    "tanren logs pretrainrun base --follow",
    "tanren logs align/chat --stage judge",
    "tanren logs ptr/base --previous --raw",
    "tanren logs infd/chat --previous",
    "kubectl tanren logs ptr/base -n team-a --follow",
  ]);
}

async function logs(target: Target, options: LogsOptions, kind: string, name?: string): Promise<void> {
  const reference = parseReference(kind, name);
  const terminal = terminalOf(process.stdout);
  const show = options.raw || !terminal.interactive ? (line: string) => line : readableLogLine;
  await withConnection(target, async (connection) => {
    const { cluster } = connection;
    const object = await findObject(connection, target, reference, options.namespace);
    // A run is retried with new pods, an endpoint by restarting the containers of its pods.
    const { previous, ...chosenBy } = options;
    const restarted = previous === true && object.kind === inferenceDeployment.resource.kind;
    const chosen = choosePods(await podsOf(cluster, object), object, restarted ? chosenBy : options, target);
    const reading = { follow: options.follow, previous: restarted };
    // One after another when the pods have ended; concurrently while they run.
    const prefixed = (pod: PodHead) => (chosen.length > 1 ? `${pod.metadata.name}  ` : "");
    const readings = chosen.map((pod) => async () => {
      const { namespace, name } = pod.metadata;
      for await (const line of linesOf(cluster.logs(namespace, name, reading)))
        terminal.print(prefixed(pod) + (terminal.interactive ? printable(show(line)) : show(line)));
    });
    if (options.follow) await Promise.all(readings.map((read) => read()));
    else for (const read of readings) await read();
  });
}

function podsOf(cluster: ReadableCluster, object: AnyObject): Promise<Pod[]> {
  const labels = { "tanren.dev/uid": object.metadata.uid };
  return cluster.list(pods, { namespace: object.metadata.namespace, labels });
}

/** What is read of a pod to choose it. */
type PodHead = Pick<Pod, "metadata">;

/** Pods of one attempt of one stage: by default the newest attempt of the stage that began last. */
export function choosePods(
  all: readonly PodHead[],
  object: AnyObject,
  options: Pick<LogsOptions, "stage" | "attempt" | "previous">,
  { hint }: Pick<Target, "hint">,
): PodHead[] {
  const ofStage = all.filter((pod) => options.stage === undefined || stageOf(pod) === options.stage);
  const newest = ofStage.toSorted((a, b) =>
    b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp),
  )[0];
  if (newest === undefined)
    throw new Failure(
      "notFound",
      `${title(object)} has no pods${stageText(options, all)}; see ${hint(`describe ${object.kind.toLowerCase()} ${object.metadata.name}`)}`,
    );
  const stage = ofStage.filter((pod) => stageOf(pod) === stageOf(newest));
  const attempts = [...new Set(stage.map(attemptOf))].sort((a, b) => b - a);
  const attempt = options.attempt === undefined ? attempts[options.previous ? 1 : 0] : options.attempt;
  if (attempt === undefined || !attempts.includes(attempt)) {
    const wanted = attempt === undefined ? "an earlier attempt" : `attempt ${attempt}`;
    throw new Failure(
      "notFound",
      `${title(object)} has no pods of ${wanted}${stageText(options, all)}, only of ${attempts.join(", ")}: the next attempt removes them`,
    );
  }
  return stage
    .filter((pod) => attemptOf(pod) === attempt)
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

const stageOf = (pod: PodHead) => pod.metadata.labels?.["tanren.dev/stage"];
const attemptOf = (pod: PodHead) => Number(pod.metadata.labels?.["tanren.dev/attempt"] ?? 1);

function stageText({ stage }: Pick<LogsOptions, "stage">, all: readonly PodHead[]): string {
  if (stage === undefined) return "";
  const known = [...new Set(all.map(stageOf).filter((name) => name !== undefined))];
  return ` of stage ${stage}${known.length > 0 ? `, only of ${known.join(", ")}` : ""}`;
}

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = "";
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** A line of a kernel's log (JSON) as a person reads it: time, event, then the other fields as name=value. */
export function readableLogLine(line: string): string {
  const fields = jsonObject(line);
  if (fields === undefined) return line;
  const { time, program: _, event, ...others } = fields;
  const clock = typeof time === "string" ? time.slice(11, 19) : "";
  const rest = Object.entries(others).map(([name, value]) => `${name}=${valueText(value)}`);
  return [clock, textOf(event), ...rest].filter(Boolean).join("  ");
}

function jsonObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);

function valueText(value: unknown): string {
  if (typeof value === "number") return figure(value);
  if (typeof value === "string") return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  return JSON.stringify(value);
}
