import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { Failure } from "../failure.ts";
import { type KubeconfigChoice, kubernetesTarget } from "./kubernetes.ts";
import { localTarget } from "./local.ts";
import type { Target } from "./target.ts";

/**
 * Which target a command line means. `tanren` is about this machine unless it names a cluster; `kubectl
 * tanren` is about the cluster that kubectl itself would ask. Nothing in the environment moves `tanren` off
 * this machine.
 */

export const programs = ["tanren", "kubectl tanren"] as const;
export type Program = (typeof programs)[number];

interface TargetOptions {
  namespace?: string;
  /** Absent with `kubectl tanren`. */
  state?: string;
  kubeconfig?: string;
  context?: string;
}

/** Options that name the target, before or after the subcommand. */
export function targetOptions(program: Program): Option[] {
  const local = new Option("--state <dir>", "directory of the local cluster's state")
    .default(".tanren")
    .argParser((path) => resolve(path))
    .conflicts(["kubeconfig", "context"]);
  const choosing = program === "tanren" ? "work on a Kubernetes cluster: " : "";
  return [
    ...(program === "tanren" ? [local] : []),
    new Option("--context <name>", `${choosing}a context of the kubeconfig`),
    new Option(
      "--kubeconfig <file>",
      `${choosing}a kubeconfig file (else KUBECONFIG, ~/.kube/config, the pod's service account)`,
    ),
    new Option("-n, --namespace <name>", "namespace of the objects (else the context's, else default)"),
  ];
}

/** The action of a command that works on objects, with the target that its command line means. */
export function onTarget<Options, Words extends unknown[]>(
  work: (target: Target, options: Options & { namespace?: string }, ...words: Words) => Promise<void>,
) {
  return (...input: unknown[]): Promise<void> => {
    const command = input.at(-1) as Command;
    const options = command.optsWithGlobals<Options & TargetOptions>();
    return work(targetOf(command, options), options, ...(input.slice(0, -2) as Words));
  };
}

/** The state directory of a command that is about this machine only. */
export function stateOf(command: Command): string {
  const { state, kubeconfig, context } = command.optsWithGlobals<TargetOptions>();
  if (kubeconfig === undefined && context === undefined && state !== undefined) return resolve(state);
  throw new Failure(
    "usage",
    `"tanren ${command.name()}" is about an operator on this machine; leave --context and --kubeconfig out`,
  );
}

/** The kubeconfig's context that the command line names; undefined for a state directory of this machine. */
export function clusterOf(command: Command): KubeconfigChoice | undefined {
  const { state, kubeconfig, context } = command.optsWithGlobals<TargetOptions>();
  return isCluster({ state, kubeconfig, context }) ? { kubeconfig, context } : undefined;
}

function targetOf(command: Command, options: TargetOptions): Target {
  const { state, kubeconfig, context } = options;
  const program = programs.find((one) => one === command.parent?.name()) ?? "tanren";
  const hint = (words: string) => `"${[program, words, ...flagsOf(command, options, words)].join(" ")}"`;
  return isCluster(options) || state === undefined
    ? kubernetesTarget({ kubeconfig, context }, hint)
    : localTarget(resolve(state), hint);
}

function isCluster({ state, kubeconfig, context }: TargetOptions): boolean {
  return state === undefined || kubeconfig !== undefined || context !== undefined;
}

/** The options that name the same target in another command. */
function flagsOf(command: Command, options: TargetOptions, words: string): string[] {
  const everywhere = words.endsWith(" -A");
  return (["state", "kubeconfig", "context", "namespace"] as const)
    .filter(
      (name) =>
        command.getOptionValueSourceWithGlobals(name) === "cli" && !(everywhere && name === "namespace"),
    )
    .map((name) => `--${name} ${options[name]}`);
}
