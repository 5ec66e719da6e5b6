import { type Command, InvalidArgumentError, Option } from "commander";
import { exitCodeTable } from "./failure.ts";

/** Options that several commands share, and the form of every help text. */

export const filesOption = () =>
  new Option(
    "-f, --filename <path...>",
    "manifests: files, directories with all .yaml files below them, or - for standard input",
  );

export function outputOption<T extends string>(formats: readonly T[], about = "form of the output"): Option {
  return new Option("-o, --output <format>", about).choices([...formats]);
}

/** Adds the examples and the exit codes that every command's help ends with. */
export function withHelp(command: Command, examples: readonly string[]): Command {
  const lines = ["", "Examples:", ...examples.map((example) => `  $ ${example}`), "", exitCodeTable()];
  return command.addHelpText("after", lines.join("\n"));
}

/** `team=search,stage=test` as labels that an object must have. */
export function labelSelector(text: string): Record<string, string> {
  const pairs = text.split(",").map((part) => /^([\w./-]+)==?([\w.-]*)$/.exec(part.trim()));
  if (pairs.some((pair) => pair === null))
    throw new InvalidArgumentError("write KEY=VALUE, several with commas between them.");
  return Object.fromEntries(pairs.flatMap((pair) => (pair ? [[pair[1] ?? "", pair[2] ?? ""]] : [])));
}

export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("write a whole number of at least 1.");
  return value;
}

export function portNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535)
    throw new InvalidArgumentError("write a port, a whole number up to 65535; 0 takes any free one.");
  return value;
}

/** None is a number of replicas too. */
export function replicas(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("write a whole number of at least 0.");
  return value;
}

/** Sampling temperature: 0 always takes the likeliest token. */
export function temperature(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 2))
    throw new InvalidArgumentError("write a number from 0 to 2.");
  return value;
}

const secondsOf: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** "90s", "10m", "1h30m" as seconds. */
export function timeSpan(text: string): number {
  const parts = [...text.matchAll(/(\d+)([smhd])/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text)
    throw new InvalidArgumentError("write a time such as 90s, 10m or 1h30m.");
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * (secondsOf[unit ?? ""] ?? 0), 0);
}
