import { randomBytes } from "node:crypto";
import { Command } from "commander";
import { installation } from "#installation";
import { isToken } from "../../ui-server/gate.ts";
import { HttpError } from "../../ui-server/http-error.ts";
import { startUiServer, type UiServer, type UiServerOptions } from "../../ui-server/server.ts";
import type { Access } from "../../ui-server/view.ts";
import { Failure } from "../failure.ts";
import { portNumber, withHelp } from "../options.ts";
import { clusterOf, onTarget } from "../target/flags.ts";
import { type KubeconfigChoice, kubernetesTarget } from "../target/kubernetes.ts";
import type { Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { terminalOf } from "../terminal/terminal.ts";
import { hasScreen, openBrowser } from "../viewing/browser.ts";
import { openView } from "../viewing/view.ts";

interface UiOptions {
  port: number;
  open: boolean;
  shared?: boolean;
}

export function uiCommand(): Command {
  const command = new Command("ui")
    .description("show everything in the browser: the chain, runs with their curves, corpora, endpoints")
    .option("--port <n>", "port on this machine (default: any free one)", portNumber, 0)
    .option("--no-open", "print the address, and open no browser")
    .option(
      "--shared",
      "for many people, behind TLS: listens on every address, and each brings a Kubernetes token of their own",
    )
    .action(async (...input: [UiOptions, Command]) => {
      const command = input[1];
      const cluster = clusterOf(command);
      if (!command.opts<UiOptions>().shared) return onTarget(showOwn)(...input);
      if (cluster === undefined)
        throw new Failure(
          "usage",
          "--shared shows a cluster by everybody's own rights; name it with --kubeconfig or --context",
        );
      return showShared(cluster, command.opts<UiOptions>());
    })
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

async function showOwn(target: Target, { port, open }: UiOptions): Promise<void> {
  // What is wrong with the target is said here and not in the browser.
  (await target.connect()).close();
  const token = randomBytes(32).toString("base64url");
  const access: Access = {
    async open(given) {
      if (given !== undefined && isToken(given, token)) return openView(target);
      throw new HttpError(
        401,
        'this page belongs to one "tanren ui"; open the whole address that it printed',
      );
    },
  };
  const server = await start({ access, port, listen: "loopback" });
  const address = `http://127.0.0.1:${server.port}/#token=${token}`;
  terminalOf(process.stdout).print(address);
  const browser = open && hasScreen(process.env) ? await openBrowser(address) : undefined;
  await untilInterrupted(server);
  await browser?.forget();
}

async function showShared(cluster: KubeconfigChoice, { port }: UiOptions): Promise<void> {
  const access: Access = {
    async open(token) {
      if (token === undefined)
        throw new HttpError(
          401,
          "say who you are with a Kubernetes token, e.g. of: kubectl create token NAME",
        );
      const target = kubernetesTarget({ ...cluster, token }, (words) => `"kubectl tanren ${words}"`);
      const view = await openView(target);
      return {
        ...view,
        close() {
          view.close();
          void target.stop();
        },
      };
    },
  };
  const server = await start({ access, port, listen: "everywhere" });
  terminalOf(process.stdout).print(`listening on port ${server.port}`);
  await untilInterrupted(server);
}

async function start(options: Pick<UiServerOptions, "access" | "port" | "listen">): Promise<UiServer> {
  const page = await installation.page();
  const report = (error: unknown) => {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`tanren: this is a defect of tanren; please report it with these lines\n${trace}\n`);
  };
  return startUiServer({ ...options, page, report }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "EADDRINUSE" ? "is taken" : `cannot be listened on (${error.message})`;
    throw new Failure("usage", `--port ${options.port} ${why}; name another, or leave it out`);
  });
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
