import { Command, Option } from "commander";
import { operateDetached } from "../detached.ts";
import { Failure } from "../failure.ts";
import { aborted, onInterruption } from "../interruption.ts";
import { isServing, referenceNamed, title } from "../kinds.ts";
import { applyManifests, checkChanges } from "../manifests/changes.ts";
import { loadManifests } from "../manifests/load.ts";
import type { Manifest } from "../manifests/manifest.ts";
import { type Operating, operate } from "../operating.ts";
import {
  filesOption,
  namespaceOption,
  outputOption,
  type PlaceOptions,
  stateOption,
  timeSpan,
  withHelp,
} from "../options.ts";
import { planAll, printPlans, requireNoProblems } from "../planning.ts";
import { presentObjects } from "../session.ts";
import { type Terminal, terminalOf } from "../terminal/terminal.ts";
import { endpointsAnswer } from "../watching/answering.ts";
import { attend } from "../watching/attend.ts";
import type { Watched } from "../watching/board.ts";
import { conclude } from "../watching/conclusion.ts";
import { jsonView, liveView, plainView, type View } from "../watching/view.ts";

interface RunOptions extends PlaceOptions {
  filename: string[];
  until?: string;
  timeout?: number;
  detach?: boolean;
  output?: "table" | "json";
}

export function runCommand(): Command {
  const command = new Command("run")
    .description(
      "carry out manifests on this machine, from corpus to endpoint; running again goes on from the saved state",
    )
    .addOption(filesOption().makeOptionMandatory())
    .addOption(
      new Option(
        "--until <goal>",
        "stop and return when all is `complete`, or when one object, as KIND/NAME, is",
      ).conflicts("detach"),
    )
    .addOption(
      new Option("--timeout <time>", "give up waiting after a time such as 90s or 2h; programs save their state")
        .argParser(timeSpan)
        .conflicts("detach"),
    )
    .option("-d, --detach", 'leave the operator in the background and return at once; "tanren stop" ends it')
    .addOption(
      outputOption(
        ["table", "json"],
        "table: a live table; json: a line per change (default: table on a terminal, else json)",
      ),
    )
    .addOption(namespaceOption())
    .addOption(stateOption())
    .action(run)
    .addHelpText(
      "after",
      [
        "",
        "Without --until it waits until every run has succeeded and every endpoint is ready, and then serves",
        "until Ctrl-C. Ctrl-C stops in order: programs save their state first. A second Ctrl-C kills them.",
      ].join("\n"),
    );
  return withHelp(command, [
    "tanren run -f examples/quickstart",
    "tanren run -f examples/quickstart --until complete",
    "tanren run -f corpus.yaml base.yaml --until pretrainrun/base --timeout 2h",
    "tanren run -f examples/quickstart --detach",
  ]);
}

const stopping = "stopping in order: programs save their state (Ctrl-C again kills them)\n";

async function run(options: RunOptions): Promise<void> {
  const terminal = terminalOf(process.stdout);
  const json = options.output === "json" || (options.output === undefined && !terminal.interactive);
  const manifests = await loadManifests(options.filename, options.namespace);
  const goal = goalOf(options.until, manifests);
  const present = await presentObjects(options.state);
  checkChanges(manifests, present);
  const planned = planAll(manifests, present);
  requireNoProblems(planned);
  if (!json) {
    printPlans(terminal, planned);
    terminal.print("");
  }

  let operating: Operating | undefined;
  const interruption = onInterruption(() => operating?.hurry());
  operating = await (options.detach ? operateDetached : operate)(options.state);
  try {
    await applyManifests(operating.cluster, manifests);
    if (options.detach) {
      terminal.print(`the operator goes on in the background, with its log in ${options.state}/operator.log`);
      return;
    }
    const view = json
      ? jsonView(terminal, Date.now)
      : terminal.interactive
        ? liveView(process.stdout, terminal, Date.now)
        : plainView(terminal, Date.now);
    await follow(operating, {
      manifests,
      goal,
      view,
      options,
      signal: interruption.signal,
      ...(!json && { summary: terminal }),
    });
  } finally {
    // Said only now: the live table had the terminal.
    if (interruption.signal.aborted && operating.inProcess) process.stderr.write(stopping);
    await operating.stop();
    interruption.release();
  }
}

/** Objects that are waited for; undefined: until interrupted when something serves. */
type Goal = readonly Watched[] | undefined;

function goalOf(until: string | undefined, manifests: readonly Manifest[]): Goal {
  if (until === undefined) return undefined;
  const ours = watchedOf(manifests);
  if (until === "complete") return ours;
  const { kind, name } = referenceNamed(until);
  const wanted = ours.filter((one) => one.kind === kind.resource.kind && one.name === name);
  if (wanted.length > 0) return wanted;
  throw new Failure(
    "usage",
    `--until ${until}: the manifests have no ${kind.resource.kind} ${name}, only ${ours.map((one) => `${one.kind}/${one.name}`).join(", ")}`,
  );
}

const watchedOf = (manifests: readonly Manifest[]): Watched[] =>
  manifests
    .filter(({ kind }) => kind !== undefined)
    .map(({ object: { kind, metadata } }) => ({ kind, namespace: metadata.namespace, name: metadata.name }));

interface Following {
  manifests: readonly Manifest[];
  goal: Goal;
  view: View;
  options: RunOptions;
  signal: AbortSignal;
  /** Where the end is told in words; absent for JSON. */
  summary?: Terminal;
}

async function follow(
  operating: Operating,
  { manifests, goal, view, options, signal, summary }: Following,
): Promise<void> {
  const attended = await attend(operating.cluster, view, {
    watched: watchedOf(manifests),
    until: goal,
    timeoutSeconds: options.timeout,
    signal,
    now: Date.now,
    confirm: endpointsAnswer,
  });
  const mend = operating.inProcess
    ? `run again to go on from ${options.state}`
    : `the operator on ${options.state} goes on; "tanren stop" stops it`;
  const failure = conclude(attended, mend);
  if (failure) throw failure;
  const serving = attended.objects.filter((object) => isServing(object.kind));
  for (const object of serving)
    summary?.print("", `${title(object)} answers at ${object.status?.url}; try: tanren chat ${object.metadata.name}`);
  if (goal === undefined && operating.inProcess && serving.length > 0) {
    summary?.print("Ctrl-C stops.");
    await aborted(signal);
  }
}
