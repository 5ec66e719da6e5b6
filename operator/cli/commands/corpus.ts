import { Argument, Command } from "commander";
import { type CorpusReport, readCorpusReport } from "../../ui-server/corpus-report.ts";
import { asHttpError } from "../../ui-server/http-error.ts";
import type { ViewedObject } from "../../ui-server/view.ts";
import { Failure } from "../failure.ts";
import { parseReference } from "../kinds.ts";
import { outputOption, positiveInteger, withHelp } from "../options.ts";
import { findObject, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { figure } from "../terminal/units.ts";
import { wrap } from "../terminal/width.ts";
import { openView } from "../viewing/view.ts";

interface SampleOptions {
  droppedBy?: string;
  language?: string;
  number: number;
  output?: "json";
  namespace?: string;
}

export type Sample = CorpusReport["samples"][number];

export function corpusCommand(): Command {
  const command = new Command("corpus")
    .description("read documents of a Corpus: a sample of those that stayed, or of those that a rule dropped")
    .addArgument(new Argument("<action>", "what to do").choices(["sample"]))
    .argument("<name>", "name of the Corpus")
    .option("--dropped-by <rule>", "documents that this stage or this reason dropped; else those that stayed")
    .option("--language <language>", "documents of this language")
    .option("--number <n>", "at most so many", positiveInteger, 5)
    .addOption(outputOption(["json"]))
    .action(onTarget(sample))
    .addHelpText(
      "after",
      "\nThe programs keep ten documents of each language and reason, each up to 1,000\ncharacters. They are read where claims are on this machine.",
    );
  return withHelp(command, [
    "tanren corpus sample web",
    "tanren corpus sample web --dropped-by too_few_sentences",
    "tanren corpus sample web --dropped-by learned --language ja --number 3",
  ]);
}

async function sample(target: Target, options: SampleOptions, _action: string, name: string): Promise<void> {
  const object = await withConnection(target, (connection) =>
    findObject(connection, target, parseReference("corpus", name), options.namespace),
  );
  const view = await openView(target);
  try {
    const { samples } = await readCorpusReport(view, object as ViewedObject);
    const chosen = choose(samples, options);
    const terminal = terminalOf(process.stdout);
    if (options.output === "json") return terminal.json(chosen, 2);
    terminal.print(
      ...chosen.flatMap((one, index) =>
        [...(index > 0 ? [""] : []), ...linesOf(one)].flatMap((line) => wrap(line, terminal.columns)),
      ),
    );
  } catch (error) {
    const known = asHttpError(error);
    if (known === undefined) throw error;
    throw new Failure(known.status === 404 ? "notFound" : "failed", known.message);
  } finally {
    view.close();
  }
}

/** Throws a Failure that names what there is where nothing was chosen. */
export function choose(
  samples: readonly Sample[],
  { droppedBy, language, number }: Pick<SampleOptions, "droppedBy" | "language" | "number">,
): Sample[] {
  const chosen = samples.filter(
    (one) =>
      (droppedBy === undefined ? one.reason === "" : [one.step, one.reason].includes(droppedBy)) &&
      (language === undefined || one.language === language),
  );
  if (chosen.length > 0) return chosen.slice(0, number);
  const of = language === undefined ? "" : ` in ${language}`;
  if (droppedBy === undefined) throw new Failure("notFound", `no document${of} stayed`);
  const rules = [
    ...new Set(samples.filter((one) => one.reason !== "").map((one) => `${one.reason} (${one.step})`)),
  ];
  const known = rules.length === 0 ? "nothing was dropped" : `documents were dropped by: ${rules.join(", ")}`;
  throw new Failure("notFound", `no document${of} was dropped by ${droppedBy}; ${known}`);
}

function linesOf({ step, reason, language, id, url, score, characters, text }: Sample): string[] {
  const facts = [
    reason === "" ? "kept" : `${step}: ${reason}`,
    language,
    `${characters} characters`,
    ...(score === undefined ? [] : [`score ${figure(score)}`]),
  ];
  return [`== ${id} (${facts.join(", ")})`, ...(url === undefined ? [] : [url]), ...text.split("\n")];
}
