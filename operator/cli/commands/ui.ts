import { Command } from "commander";
import { installation } from "#installation";
import type { UiServer } from "../../ui-server/server.ts";
import { Failure } from "../failure.ts";
import { portNumber, withHelp } from "../options.ts";
import { clusterOf, onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { hasScreen, openBrowser } from "../viewing/browser.ts";
import { serveOwn, serveShared } from "../viewing/serve.ts";

interface UiOptions {
  port: number;
  open: boolean;
  shared?: boolean;
}

export function uiCommand(): Command {
  const command = new Command("ui")
    .description("show everything in the browser: the chain, runs with their curves, corpora, endpoints")
    .option("--port <n>", "port on this machine (default: any free one)", portNumber)
    .option("--no-open", "print the address, and open no browser")
    .option(
      "--shared",
      "for many people, behind TLS: listens on every address, and each brings a Kubernetes token of their own",
    )
    .action((options: UiOptions, command: Command) =>
      options.shared ? showShared(options, command) : onTarget(showOwn)(options, command),
    )
    .addHelpText(
      "after",
      "\nThe page is for this user of this machine alone: the address has a secret in it,\nand nothing listens but on 127.0.0.1. It changes nothing. Ctrl-C ends it.",
    );
  return withHelp(command, [
    "tanren ui",
    "tanren ui --state elsewhere/.tanren --port 8000 --no-open",
    "tanren ui --context prod",
    "kubectl tanren ui -n team-a",
  ]);
}

async function showOwn(target: Target, { port = 0, open }: UiOptions): Promise<void> {
  const { server, address } = await serveOwn(target, await installation.page(), port);
  terminalOf(process.stdout).print(address);
  const browser = open && hasScreen(process.env) ? await openBrowser(address) : undefined;
  await untilInterrupted(server);
  await browser?.forget();
}

async function showShared({ port = 0 }: UiOptions, command: Command): Promise<void> {
  const cluster = clusterOf(command);
  if (cluster === undefined)
    throw new Failure(
      "usage",
      "--shared shows a cluster by everybody's own rights; name it with --kubeconfig or --context",
    );
  const server = await serveShared(cluster, await installation.page(), port);
  terminalOf(process.stdout).print(`listening on port ${server.port}`);
  await untilInterrupted(server);
}

/** A second interruption ends the process. */
async function untilInterrupted(server: UiServer): Promise<void> {
  const interruption = onInterruption(() => process.exit());
  await new Promise<void>((resolve) =>
    interruption.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  await server.close();
  interruption.release();
}
