import { rename, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Command } from "commander";
import { installation } from "#installation";
import { Failure } from "../failure.ts";
import { parseReference, title } from "../kinds.ts";
import { withHelp } from "../options.ts";
import { findObject, objectsIn, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { bytes } from "../terminal/units.ts";
import { collectReport, fillIn } from "../viewing/report.ts";
import { openView } from "../viewing/view.ts";

interface ReportOptions {
  namespace?: string;
  output: string;
}

export function reportCommand(): Command {
  const command = new Command("report")
    .description("write a page about one object, with its data inside, as one file for mail and closed sites")
    .argument("<kind>", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of the object")
    .requiredOption("-o, --output <file>", "the file, which is replaced where it is there")
    .action(onTarget(report))
    .addHelpText(
      "after",
      "\nThe file shows what was there when it was written, asks nobody for anything, and\nhas texts of the data in it: see whom you send it to.",
    );
  return withHelp(command, [
    "tanren report pretrainrun base -o base.html",
    "tanren report evl/japanese -o japanese.html",
    "kubectl tanren report corp/web -n team-a -o web.html",
  ]);
}

async function report(target: Target, options: ReportOptions, kind: string, name?: string): Promise<void> {
  const reference = parseReference(kind, name);
  const page = (await installation.page()).get("report.html");
  if (page === undefined)
    throw new Failure("failed", 'the page has no report.html; build it again by "make ui"');
  const [object, others] = await withConnection(target, async (connection) => {
    const found = await findObject(connection, target, reference, options.namespace);
    return [found, await objectsIn(connection, [found.metadata.namespace])] as const;
  });
  const view = await openView(target);
  try {
    const collected = await collectReport(view, object, others, new Date());
    const text = fillIn(Buffer.from(page).toString("utf8"), collected);
    const file = resolve(options.output);
    const partial = `${file}.partial`;
    await writeFile(partial, text).catch((error: Error) => {
      throw new Failure("failed", `${file} cannot be written: ${error.message}`);
    });
    await rename(partial, file);
    terminalOf(process.stdout).print(`${title(object)}: ${bytes(Buffer.byteLength(text))} in ${file}`);
  } finally {
    view.close();
  }
}
