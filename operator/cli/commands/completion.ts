import { Argument, Command } from "commander";
import { kinds, parseKind } from "../kinds.ts";
import { withHelp } from "../options.ts";
import { onTarget } from "../target/flags.ts";
import type { Target } from "../target/target.ts";
import { terminalOf } from "../terminal/terminal.ts";

/**
 * Completion for three shells. The scripts ask the command itself (`__complete`), in the form of Cobra that
 * kubectl also asks plugins in: a candidate a line, last `:DIRECTIVE`.
 */

const shells = ["bash", "zsh", "fish"] as const;
type Shell = (typeof shells)[number];

export function completionCommand(): Command {
  const command = new Command("completion")
    .description("print the completion script of a shell")
    .addArgument(new Argument("<shell>").choices(shells))
    .action((shell: Shell) => terminalOf(process.stdout).print(scripts[shell]))
    .addHelpText("after", "\nkubectl completes its plugin by bin/kubectl_complete-tanren on the PATH.");
  return withHelp(command, [
    "source <(tanren completion bash)",
    "tanren completion zsh > ~/.zsh/completions/_tanren",
    "tanren completion fish > ~/.config/fish/completions/tanren.fish",
  ]);
}

const scripts: Readonly<Record<Shell, string>> = {
  bash: `_tanren() {
  local words=("\${COMP_WORDS[@]:1:COMP_CWORD}") line
  COMPREPLY=()
  while IFS= read -r line; do
    [[ $line == :* ]] || COMPREPLY+=("\${line%%$'\\t'*}")
  done < <(tanren __complete -- "\${words[@]}" 2>/dev/null)
}
complete -o default -F _tanren tanren`,
  zsh: `#compdef tanren
_tanren() {
  local -a found; local line
  while IFS= read -r line; do
    [[ $line == :* ]] || found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done < <(tanren __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#found} )); then _describe tanren found; else _files; fi
}
compdef _tanren tanren`,
  fish: `function __tanren_complete
  set -l words (commandline -opc) (commandline -ct)
  tanren __complete -- $words[2..] 2>/dev/null | string match -v ':*'
end
complete -c tanren -a '(__tanren_complete)'`,
};

/** Called as `__complete -- WORDS`, with the unfinished word last. */
export function completeCommand(): Command {
  return new Command("__complete")
    .argument("[words...]")
    .helpOption(false)
    .action(async (words: string[], options: unknown, command: Command) => {
      const program = command.parent ?? command;
      // The words name the target that names of objects are asked of.
      program.parseOptions(words.slice(0, -1));
      const known = candidates(program, words);
      if (known) return printCandidates(known, words);
      await onTarget(async (target: Target, { namespace }: { namespace?: string }) =>
        printCandidates(await objectNames(target, namespace, words), words),
      )(options, command);
    });
}

/** The last line is Cobra's directive: no file names beside these. */
function printCandidates(found: readonly Candidate[], words: readonly string[]): void {
  const lines = found.filter(([text]) => text.startsWith(words.at(-1) ?? "")).map((one) => one.join("\t"));
  terminalOf(process.stdout).print(...lines, lines.length > 0 ? ":4" : ":0");
}

type Candidate = readonly [text: string, about: string];

/** What can stand in the place of the last word; undefined: names of objects. */
export function candidates(program: Command, words: readonly string[]): Candidate[] | undefined {
  const [before, last] = [words.slice(0, -1), words.at(-1) ?? ""];
  const names = new Set(program.commands.map((one) => one.name()));
  const at = before.findIndex((word) => names.has(word));
  const command = program.commands.find((one) => one.name() === before[at]);
  const options = [...(command?.options ?? []), ...program.options].filter((option) => !option.hidden);
  const flag = before.at(-1);
  const asked =
    flag === undefined ? undefined : options.find((option) => [option.short, option.long].includes(flag));
  // A flag's value: its choices, else the shell's own files.
  if (asked?.required) return (asked.argChoices ?? []).map((choice) => [choice, ""] as const);
  if (last.startsWith("-"))
    return options.flatMap((option) => (option.long ? [[option.long, option.description] as const] : []));
  if (command === undefined)
    return program.commands
      .filter((one) => !one.name().startsWith("__") && one.name() !== "operator")
      .map((one) => [one.name(), one.description()] as const);
  const [argument] = command.registeredArguments;
  if (argument?.argChoices) return argument.argChoices.map((choice) => [choice, ""] as const);
  const given = before.slice(at + 1).filter((word) => !word.startsWith("-"));
  if (/^(kind|path)$/.test(argument?.name() ?? "") && given.length === 0 && !last.includes("/"))
    return kinds.map((kind) => [kind.singular, kind.about] as const);
  return argument === undefined ? [] : undefined;
}

async function objectNames(
  target: Target,
  given: string | undefined,
  words: readonly string[],
): Promise<Candidate[]> {
  const [last, before] = [words.at(-1) ?? "", words.at(-2) ?? ""];
  const [word = "", inner] = last.split("/", 2);
  const kind = inner === undefined ? (before === "chat" ? "infd" : before) : word;
  try {
    const { resource } = parseKind(kind);
    const connection = await target.peek();
    if (connection === undefined) return [];
    const namespace = given ?? (await target.namespace());
    const objects = await connection.cluster.list(resource, { namespace });
    connection.close();
    return objects.map(
      ({ metadata: { name } }) => [inner === undefined ? name : `${word}/${name}`, ""] as const,
    );
  } catch {
    return []; // A shell that completes has nowhere to show an error.
  }
}
