import { Command, Option } from "commander";
import { aborted } from "../../clock/sleep.ts";
import type { ObjectName } from "../../cluster/object-key.ts";
import { Failure } from "../failure.ts";
import { endpointOf, parseReference, title } from "../kinds.ts";
import { applyManifests } from "../manifests/changes.ts";
import type { Manifest } from "../manifests/manifest.ts";
import { filesOption, outputOption, timeSpan, withHelp } from "../options.ts";
import { planIn, printPlans, requireNoErrors } from "../planning.ts";
import { manifestsFor } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { OperatorHandle, Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { type Terminal, terminalOf } from "../terminal/terminal.ts";
import { jsonView, liveView, plainView, type View } from "../watch/views.ts";
import { conclude, waitFor } from "../watch/wait.ts";

interface RunOptions {
  filename: string[];
  namespace?: string;
  until?: string;
  timeout?: number;
  detach?: boolean;
  output: "table" | "json";
}

export function runCommand(): Command {
  const command = new Command("run")
    .description("run manifests, from corpus to endpoint, and show their progress; running again resumes")
    .addOption(filesOption().makeOptionMandatory())
    .addOption(
      new Option(
        "--until <goal>",
        "return when all objects are `complete`, or when one is, given as KIND/NAME",
      ).conflicts("detach"),
    )
    .addOption(
      new Option("--timeout <time>", "give up waiting after a time such as 90s or 2h")
        .argParser(timeSpan)
        .conflicts("detach"),
    )
    .option(
      "-d, --detach",
      "return at once and leave the work to the operator; on this machine one in the background, until tanren stop",
    )
    .addOption(
      outputOption(
        ["table", "json"],
        "table: a live table, or a line per object every 10 s where no terminal is; json: a line per change",
      ).default("table"),
    )
    .action(onTarget(run))
    .addHelpText(
      "after",
      [
        "",
        "On this machine, without --until, it waits until every run has succeeded and",
        "every endpoint is ready, then serves until Ctrl-C. Ctrl-C and --timeout shut",
        "down in order: programs save their state first. A second Ctrl-C kills them.",
        "",
        "On a Kubernetes cluster it applies the manifests and watches. The operator",
        "there does the work, and continues after Ctrl-C or --timeout.",
        "",
        "It ends early when nothing it waits for can move without a person: what has",
        "failed, is blocked or is suspended, and what waits for such an object.",
      ].join("\n"),
    );
  return withHelp(command, [
    "tanren run -f examples/quickstart",
    "tanren run -f examples/quickstart --until complete",
    "tanren run -f corpus.yaml base.yaml --until pretrainrun/base --timeout 2h",
    "tanren run -f examples/quickstart --detach",
    "kubectl tanren run -f examples/programme-a -n team-a --until complete",
  ]);
}

const stopping = "shutting down: programs save their state (Ctrl-C again kills them)\n";

async function run(target: Target, options: RunOptions): Promise<void> {
  const terminal = terminalOf(process.stdout);
  const json = options.output === "json";
  const manifests = await manifestsFor(target, options);
  const goal = goalOf(options.until, manifests);
  const planned = await planIn(target, manifests);
  requireNoErrors(planned);
  if (!json) {
    printPlans(terminal, planned);
    terminal.print("");
  }

  let operator: OperatorHandle | undefined;
  const interruption = onInterruption(() => operator?.hurry());
  operator = await target.operate({ detach: options.detach ?? false });
  try {
    await applyManifests(operator.cluster, manifests);
    if (options.detach) {
      terminal.print(operator.afterwards);
      return;
    }
    const view = json
      ? jsonView(terminal, Date.now)
      : terminal.interactive
        ? liveView(process.stdout, terminal, Date.now)
        : plainView(terminal, Date.now);
    await follow(operator, {
      target,
      manifests,
      goal,
      view,
      options,
      signal: interruption.signal,
      summary: json ? undefined : terminal,
    });
  } finally {
    // Printed only now: the live table had the terminal.
    if (interruption.signal.aborted && operator.inProcess) process.stderr.write(stopping);
    await operator.stop();
    interruption.release();
  }
}

/** Objects that are waited for; undefined: until interrupted when something serves. */
type Goal = readonly ObjectName[] | undefined;

function goalOf(until: string | undefined, manifests: readonly Manifest[]): Goal {
  if (until === undefined) return undefined;
  const ours = watchedOf(manifests);
  if (until === "complete") return ours;
  const { kind, name } = parseReference(until);
  const wanted = ours.filter((one) => one.kind === kind.resource.kind && one.name === name);
  if (wanted.length > 0) return wanted;
  throw new Failure(
    "usage",
    `--until ${until}: the manifests have no ${kind.resource.kind} ${name}, only ${ours.map((one) => `${one.kind}/${one.name}`).join(", ")}`,
  );
}

const watchedOf = (manifests: readonly Manifest[]): ObjectName[] =>
  manifests
    .filter(({ kind }) => kind !== undefined)
    .map(({ object: { kind, metadata } }) => ({ kind, namespace: metadata.namespace, name: metadata.name }));

interface Following {
  target: Target;
  manifests: readonly Manifest[];
  goal: Goal;
  view: View;
  options: RunOptions;
  signal: AbortSignal;
  /** Where the end is put into words; absent for JSON. */
  summary?: Terminal;
}

async function follow(
  operator: OperatorHandle,
  { target, manifests, goal, view, options, signal, summary }: Following,
): Promise<void> {
  operator.onTrouble(view.onNotice);
  const result = await waitFor(operator.cluster, view, {
    watched: watchedOf(manifests),
    until: goal,
    timeoutSeconds: options.timeout,
    signal,
    now: Date.now,
    confirm: operator.confirm,
    operatorHint: operator.operatorHint,
  });
  const failure = conclude(result, operator.afterwards);
  if (failure) throw failure;
  const serving = result.objects.filter((object) => endpointOf(object) !== undefined);
  for (const object of serving)
    summary?.print(
      "",
      `${title(object)} answers at ${endpointOf(object)}; try ${target.hint(`chat ${object.metadata.name}`)}`,
    );
  if (goal === undefined && operator.inProcess && serving.length > 0) {
    summary?.print("Ctrl-C stops.");
    await aborted(signal);
  }
}
