import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { ClusterError, InvalidError, NotFoundError } from "../cluster/port.ts";
import { type Ending, exitCodes } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import { tanrenProgram } from "./program.ts";
import type { Program } from "./target/flags.ts";
import { showCursor } from "./terminal/screen.ts";

/** Runs a command line to its end, and turns every ending into an exit code and, where it is a bad one, one sentence. */
export async function enter(program: Program): Promise<never> {
  // A reader that has seen enough, as in `tanren get | head`, is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => end(error.code === "EPIPE" ? "done" : endingOf(error)));
  process.on("uncaughtException", (error) => end(endingOf(error)));
  const { version }: { version: string } = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  );
  try {
    await tanrenProgram(program, version).parseAsync();
    end("done");
  } catch (error) {
    end(endingOf(error));
  }
}

function endingOf(error: unknown): Ending {
  // Commander has printed its own sentence; help and version are thrown too.
  if (error instanceof CommanderError) return error.exitCode === 0 ? "done" : "usage";
  if (error instanceof Failure) return say(error.ending, error.message);
  if (error instanceof InvalidError) return say("invalid", error.message);
  if (error instanceof NotFoundError) return say("notFound", error.message);
  if (error instanceof ClusterError) return say("failed", error.message);
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return say("internal", `this is a defect of tanren; please report it with these lines\n${trace}`);
}

function say<T extends Ending>(ending: T, sentence: string): T {
  process.stderr.write(`tanren: ${sentence}\n`);
  return ending;
}

/** A live table that was broken off has hidden the cursor. */
function end(ending: Ending): never {
  if (ending !== "done" && process.stdout.isTTY) process.stdout.write(showCursor);
  process.exit(exitCodes[ending].code);
}
