import { Command } from "commander";
import { expect, test } from "vitest";
import { onTarget, type Program, targetOptions } from "./flags.ts";
import type { Target } from "./target.ts";

/** The target that a command line means, as `get` would have it. */
async function targetOf(program: Program, line: string): Promise<Target> {
  let found: Target | undefined;
  const command = new Command(program).exitOverride().configureOutput({ writeErr() {} });
  for (const option of targetOptions(program)) command.addOption(option);
  const get = new Command("get").argument("[kind]").action(
    onTarget(async (target) => {
      found = target;
    }),
  );
  command.addCommand(get.copyInheritedSettings(command));
  await command.parseAsync(line.split(" "), { from: "user" });
  if (found === undefined) throw new Error("no target was chosen");
  return found;
}

test.each<[Program, string, "machine" | "cluster"]>([
  ["tanren", "get", "machine"],
  ["tanren", "get --state x", "machine"],
  ["tanren", "get --context prod", "cluster"],
  ["tanren", "--context prod get", "cluster"],
  ["tanren", "get --kubeconfig x", "cluster"],
  ["kubectl tanren", "get", "cluster"],
  ["kubectl tanren", "get --context prod -n a", "cluster"],
])("%s %s works on a %s", async (program, line, where) => {
  expect((await targetOf(program, line)).hasLocalPaths).toBe(where === "machine");
});

test.each<[Program, string, string, string]>([
  ["tanren", "get", "get", '"tanren get"'],
  ["tanren", "get --state /s", "get corpora -A", '"tanren get corpora -A --state /s"'],
  ["tanren", "get --context prod -n a", "get", '"tanren get --context prod --namespace a"'],
  ["kubectl tanren", "get -n a", "get", '"kubectl tanren get --namespace a"'],
  ["kubectl tanren", "get -n a --kubeconfig k", "get -A", '"kubectl tanren get -A --kubeconfig k"'],
])("%s %s: a hint leads to the same target", async (program, line, words, hint) => {
  expect((await targetOf(program, line)).hint(words)).toBe(hint);
});
