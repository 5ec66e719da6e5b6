import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { Allowed } from "../api/allowed.ts";
import { NetworkPolicies, PodDefaults } from "../api/configuration.ts";
import { apiVersion, inferenceDeployment, type TanrenObject } from "../api/kinds.ts";
import { findCondition } from "../cluster/conditions.ts";
import type { KubernetesObject } from "../cluster/objects.ts";
import { claims, deployments, jobs, type Resource, secrets } from "../cluster/resource.ts";
import { batchConsumer, kindsByName, ParsedSpecs } from "../engine/references.ts";
import { batchKinds } from "../kinds/index.ts";
import { reconcileRun } from "../runs/reconcile.ts";
import { EventRecorder } from "../runtime/events.ts";
import { reconcileServing } from "../serving/reconcile.ts";
import { silent } from "../testing/example-runs.ts";
import {
  base,
  type Given,
  imported,
  model,
  type Rule,
  readable,
  rules,
  serve,
  talks,
  texts,
  tuning,
  web,
} from "../testing/judge-cases.ts";
import { aClaim, namespace, TestEnv } from "../testing/test-env.ts";
import { planCommand } from "./commands/plan.ts";
import { runCommand } from "./commands/run.ts";
import { validateCommand } from "./commands/validate.ts";
import { Failure } from "./failure.ts";
import { kinds } from "./kinds.ts";
import { targetOptions } from "./target/flags.ts";

/**
 * One judge: for each rule a case that validate, plan, run and the operator answer alike. A rule that one of
 * them does not know fails here.
 */

// `run` has judged before it starts an operator, and these tests look no further.
vi.mock("./target/local-operator.ts", () => ({
  startLocalOperator: () => Promise.reject(new Failure("failed", "an operator starts")),
}));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tanren-judge-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
  vi.restoreAllMocks();
});

function write(name: string, content: string): void {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

const manifest = ({ kind, name, spec }: Given) => ({ apiVersion, kind, metadata: { name }, spec });

const claimOf = ([name, path]: [string, string]) => ({
  ...aClaim(name),
  metadata: { name, annotations: { "local.tanren.dev/path": path } },
});

const resourceOf = (kind: string): Resource<TanrenObject> => {
  const found = kinds.find(({ resource }) => resource.kind === kind);
  if (found === undefined) throw new Error(`there is no kind ${kind}`);
  return found.resource as Resource<TanrenObject>;
};

/** Files, manifests and, as an operator left it, the state. */
function layOut({ objects, claims: given = {}, files = {}, present = [] }: Rule): void {
  for (const [name, content] of Object.entries(files)) write(name, content);
  const all = [...Object.entries(given).map(claimOf), ...objects.map(manifest)];
  write("all.yaml", all.map((one) => stringify(one)).join("---\n"));
  for (const [index, one] of present.entries()) {
    const metadata = { name: one.name, namespace, uid: String(index), resourceVersion: "1", generation: 1 };
    const stored = { ...manifest(one), metadata, status: one.status };
    write(
      `state/objects/${resourceOf(one.kind).plural}/${namespace}/${one.name}.json`,
      JSON.stringify(stored),
    );
  }
}

interface Said {
  out: string;
  errors: string;
  failure?: unknown;
}

/** What a command says before it would change anything. */
async function command(made: Command, ...words: string[]): Promise<Said> {
  const said: Said = { out: "", errors: "" };
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    said.out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said.errors += String(text);
    return true;
  });
  const program = new Command("tanren").exitOverride();
  for (const option of targetOptions("tanren")) program.addOption(option);
  program.addCommand(made.copyInheritedSettings(program));
  const line = [...words, "-f", join(directory, "all.yaml"), "--state", join(directory, "state")];
  await program.parseAsync([made.name(), ...line], { from: "user" }).catch((error: unknown) => {
    said.failure = error;
  });
  vi.restoreAllMocks();
  return said;
}

const withPaths = (text: string) => text.replaceAll("DIR", directory);

/** The root condition that an operator gives the first object, and whether it makes pods for it. */
async function operator({ objects, claims: given = {}, present = [] }: Rule) {
  const env = new TestEnv();
  const { cluster, clock } = env;
  const specs = new ParsedSpecs();
  for (const name of Object.keys(given)) env.store.apply(claims, aClaim(name));
  for (const one of [...objects, ...present]) {
    const resource = resourceOf(one.kind);
    const applied = env.store.apply(resource, {
      ...manifest(one),
      metadata: { name: one.name, namespace },
    } as Parameters<typeof env.store.apply<TanrenObject>>[1]);
    if (one.status) env.store.updateStatus(resource, { ...applied, status: one.status });
  }
  const reader = {
    cluster,
    clock,
    specs,
    logger: silent,
    recorder: new EventRecorder({ cluster, clock, logger: silent, instance: "test" }),
    kinds: kindsByName(batchKinds),
    consumers: batchKinds.map((kind) => batchConsumer(kind, specs)),
    progressOf: () => undefined,
    allowed: Allowed.parse({ secrets: ["*"] }),
    podDefaults: PodDefaults.parse({}),
    networkPolicies: NetworkPolicies.parse({}),
    progressSeconds: 10,
  };
  const [{ kind, name }] = objects;
  const batch = batchKinds.find(({ definition }) => definition.resource.kind === kind);
  const reconciler = batch ? reconcileRun(batch, reader) : reconcileServing(reader);
  for (let times = 0; times < 4; times++) await reconciler.reconcile({ namespace, name }, { logger: silent });
  const { status } = env.store.get(resourceOf(kind), namespace, name) ?? {};
  const isServing = kind === inferenceDeployment.resource.kind;
  const started: KubernetesObject[] = isServing ? env.store.list(deployments) : env.store.list(jobs);
  return { root: findCondition(status?.conditions, isServing ? "Ready" : "Succeeded"), started };
}

describe.each(rules)("$rule", (rule) => {
  const [{ kind, name }] = rule.objects;
  const { severity, says, field } = rule;
  const sentence = () => [`${kind}/${name}`, field, withPaths(says)].filter(Boolean).join(": ");
  const isError = severity === "error";
  beforeEach(() => layOut(rule));

  test("validate says so", async () => {
    const { failure, errors } = await command(validateCommand());
    if (isError)
      expect(failure).toMatchObject({ exitCode: "invalid", message: expect.stringContaining(sentence()) });
    else expect([failure, errors]).toEqual([undefined, expect.stringMatching(/^warning: .*all.yaml:\d+: /)]);
    if (!isError) expect(errors).toContain(sentence());
  });

  test("plan says so", async () => {
    const { out } = await command(planCommand(), "-o", "json");
    const plan = JSON.parse(out).find(
      (one: { kind: string; name: string }) => one.kind === kind && one.name === name,
    );
    const problems = plan.problems.map((one: { reason?: string; message: string; severity: string }) => [
      one.severity,
      [one.reason, one.message].filter(Boolean).join(": "),
    ]);
    expect(problems).toContainEqual([severity, expect.stringContaining(withPaths(says))]);
  });

  test("run says so", async () => {
    const { failure, errors } = await command(runCommand(), "--until", "complete");
    if (isError)
      expect(failure).toMatchObject({ exitCode: "invalid", message: expect.stringContaining(sentence()) });
    else {
      expect(errors).toContain(sentence());
      expect(failure).toMatchObject({ message: "an operator starts" });
    }
  });

  test(rule.operator === "same" ? "the operator says so" : "the operator leaves it to the pods", async () => {
    const { root, started } = await operator(rule);
    if (rule.operator === "same") {
      expect(`${root?.reason}: ${root?.message}`).toContain(says);
      expect(started).toEqual([]);
    } else expect(started).toHaveLength(1);
  });
});

test("what has succeeded is not asked for its data again", async () => {
  const gone: Rule = {
    rule: "",
    objects: [texts()],
    present: [{ ...texts(), status: web.status }],
    severity: "error",
    says: "",
    operator: "starts",
  };
  layOut(gone);
  const { failure, errors } = await command(validateCommand());
  expect([failure, errors]).toEqual([undefined, ""]);
});

test("what lacks nothing is told nothing", async () => {
  const whole: Rule = {
    rule: "",
    objects: [
      serve({ ...imported, auth: { secretName: "keys" } }),
      texts(),
      tuning({ "chat.datasets": [{ name: "t", claimName: "files", path: "talks.jsonl" }] }),
    ],
    claims: { ...readable.claims, files: "files", models: "models" },
    files: { ...readable.files, ...model("llama"), "files/talks.jsonl": talks },
    present: [base],
    severity: "error",
    says: "",
    operator: "starts",
  };
  layOut(whole);
  write(
    "secret.yaml",
    stringify({ apiVersion: "v1", kind: secrets.kind, metadata: { name: "keys" }, stringData: { a: "b" } }),
  );
  const { failure, errors } = await command(validateCommand(), "-f", join(directory, "secret.yaml"));
  expect([failure, errors]).toEqual([undefined, ""]);
});

test("a refusal stands at the line of the field that it names", async () => {
  const exam = `apiVersion: tanren.dev/v1alpha1
kind: Evaluation
metadata: {name: exam}
spec:
  model: {alignmentRun: {name: chat}}
  compute:
    nodes: 3
  suites: [{name: r, task: jsquad, data: {claimName: f}, shots: 1}]
`;
  write("all.yaml", exam);
  const { failure } = await command(validateCommand());
  expect(String(failure)).toContain("all.yaml:7: Evaluation/exam: InvalidSpec: spec.compute.nodes is 3");
});
