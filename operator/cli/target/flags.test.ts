import { Command } from "commander";
import { expect, test } from "vitest";
import { inPlace, type Program, placeOptions } from "./flags.ts";
import type { Place } from "./target.ts";

/** The place that a command line means, as `get` would have it. */
async function placeOf(program: Program, line: string): Promise<Place> {
  let found: Place | undefined;
  const command = new Command(program).exitOverride().configureOutput({ writeErr() {} });
  for (const option of placeOptions(program)) command.addOption(option);
  const get = new Command("get").argument("[kind]").action(
    inPlace(async (place) => {
      found = place;
    }),
  );
  command.addCommand(get.copyInheritedSettings(command));
  await command.parseAsync(line.split(" "), { from: "user" });
  if (found === undefined) throw new Error("no place was chosen");
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
  expect((await placeOf(program, line)).hasLocalPaths).toBe(where === "machine");
});

test.each<[Program, string, string, string]>([
  ["tanren", "get", "get", '"tanren get"'],
  ["tanren", "get --state /s", "get corpora -A", '"tanren get corpora -A --state /s"'],
  ["tanren", "get --context prod -n a", "get", '"tanren get --context prod --namespace a"'],
  ["kubectl tanren", "get -n a", "get", '"kubectl tanren get --namespace a"'],
  ["kubectl tanren", "get -n a --kubeconfig k", "get -A", '"kubectl tanren get -A --kubeconfig k"'],
])("%s %s: a hint leads to the same place", async (program, line, words, hint) => {
  expect((await placeOf(program, line)).hint(words)).toBe(hint);
});
