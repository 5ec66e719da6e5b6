import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { admit } from "../../operator/api/admission.ts";
import { type KindDefinition, kinds, type TanrenObject } from "../../operator/api/kinds.ts";
import { isReason, reasonEntry } from "../../operator/api/reasons.ts";
import { findCondition } from "../../operator/cluster/conditions.ts";
import { connectKubernetes } from "../../operator/cluster/kubernetes/index.ts";
import { InvalidError } from "../../operator/cluster/port.ts";
import { deployments, jobs } from "../../operator/cluster/resource.ts";
import { labels } from "../../operator/engine/names.ts";
import { samples } from "../../operator/testing/samples.ts";
import { OperatorProcess } from "../adapter/operator-process.ts";
import { ApiServer } from "../contract/api-server.ts";
import { installKinds } from "../contract/kubernetes-world.ts";
import { openNamespace } from "../contract/namespace.ts";
import { eventually } from "../contract/waiting.ts";
import { type Declaration, declarationsOf } from "./mutations.ts";

/**
 * Whatever is declared is refused with its field, or comes about: the operator lives, says within seconds where
 * the object stands, and what it says is so. The operator's process on a real control plane.
 */

/** Declarations of a run: a seeded sample of so many, or with TANREN_DECLARATIONS=whole all. */
const { TANREN_DECLARATIONS: asked = "300" } = process.env;
const seed = Number(process.env.TANREN_SEED ?? 20_261_126);
const atOnce = 50;

const directory = mkdtempSync(join(tmpdir(), "tanren-declarations-"));
const cluster = connectKubernetes({ kubeconfig: { path: inject("kubeconfig") }, report: () => {} });
const api = new ApiServer(inject("kubeconfig"));
const namespace = `declarations-${randomBytes(4).toString("hex")}`;
let operator: OperatorProcess;

const kindOf = (name: string) => {
  const kind = (kinds as readonly KindDefinition[]).find(({ resource }) => resource.kind === name);
  if (kind === undefined) throw new Error(`there is no kind ${name}`);
  return kind;
};
const pathOf = (kind: string, name = "") =>
  `/apis/tanren.dev/v1alpha1/namespaces/${namespace}/${kindOf(kind).resource.plural}${name && `/${name}`}`;

beforeAll(async () => {
  await installKinds(api);
  await openNamespace(api, namespace);
  // Whatever is declared runs nowhere: what is proved is what happens before.
  await api.send("POST", `/api/v1/namespaces/${namespace}/resourcequotas`, {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "no-pods" },
    spec: { hard: { pods: "0" } },
  });
  // What the samples refer to has been made, so that their runs begin.
  for (const [kind, name, type] of parents) await makeParent(kind, name, type);
  operator = new OperatorProcess(namespace, directory, inject("kubeconfig"), {
    namespace,
    leaderElection: { enabled: false },
    progressSeconds: 60,
  });
  await operator.says("operator started");
});

afterAll(async () => {
  await operator?.end();
  await api.send("DELETE", `/api/v1/namespaces/${namespace}`);
  await cluster.stop();
  api.close();
  rmSync(directory, { recursive: true, force: true });
});

const parents = [
  ["Corpus", "c", "corpus"],
  ["PretrainRun", "p", "model"],
  ["AlignmentRun", "a", "model"],
] as const;

async function makeParent(kind: string, name: string, type: string): Promise<void> {
  const made = await create({ kind, spec: samples[kind] ?? {} }, name);
  const time = "2026-01-01T00:00:00Z";
  const condition = {
    status: "True",
    reason: "Completed",
    message: "made for the test",
    lastTransitionTime: time,
  };
  const digest = `sha256:${"a".repeat(64)}`;
  const figures = { tokenizerDigest: digest, vocabularySize: 400, contextLength: 128, parameters: 10_000 };
  await api.send("PATCH", `${pathOf(kind, name)}/status`, {
    status: {
      startTime: time,
      completionTime: time,
      conditions: [{ type: "Succeeded", ...condition }],
      artifact: {
        ...{
          type,
          stage: "s",
          claimName: "made",
          path: name,
          digest,
          sizeBytes: 1,
          parents: [],
          tokens: 1_000_000,
        },
        ...figures,
      },
    },
  });
  if (made.code >= 300) throw new Error(JSON.stringify(made.body));
}

function create({ kind, spec }: Pick<Declaration, "kind" | "spec">, name: string) {
  const { apiVersion } = kindOf(kind).resource;
  const object = { apiVersion, kind, metadata: { name, namespace }, spec };
  return api.ask("POST", `${pathOf(kind)}?fieldValidation=Strict`, object);
}

/** What the local adapter says to the same; undefined: nothing against it. */
function ownRefusal({ kind, spec }: Declaration, name: string, old?: TanrenObject): string | undefined {
  try {
    admit(kindOf(kind), { metadata: { name, namespace }, spec: JSON.parse(JSON.stringify(spec)) }, old);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidError) return error.message;
    throw error;
  }
}

interface Fault {
  declaration: Pick<Declaration, "kind" | "field" | "value">;
  problem: string;
}

async function read(kind: string, name: string): Promise<TanrenObject> {
  return (await api.send("GET", pathOf(kind, name))) as TanrenObject;
}

/** The object once the operator has said where its newest spec stands. */
async function told(kind: string, name: string): Promise<TanrenObject | undefined> {
  let last: TanrenObject | undefined;
  const isTold = async () => {
    last = await read(kind, name);
    const { status, metadata } = last;
    const root = findCondition(status?.conditions, kind === "InferenceDeployment" ? "Ready" : "Succeeded");
    return root !== undefined && root.observedGeneration === metadata.generation;
  };
  return eventually(isTold, `${kind} ${name} is told of`, 30_000).then(
    () => last,
    () => undefined,
  );
}

/** Whether what the status says is so. */
async function untruth(object: TanrenObject): Promise<string | undefined> {
  const isServing = object.kind === "InferenceDeployment";
  const root = findCondition(object.status?.conditions, isServing ? "Ready" : "Succeeded");
  if (!isReason(root?.reason)) return `its reason is ${root?.reason}`;
  const { phase } = reasonEntry(root.reason);
  const owned = { namespace, labels: { [labels.uid]: object.metadata.uid } };
  const children = isServing ? await cluster.list(deployments, owned) : await cluster.list(jobs, owned);
  const starts = ["Running", "WaitingForPods", "Queued", "RollingOut"].includes(root.reason);
  if (starts && children.length === 0) {
    // Between the two looks a deadline of a second may have taken what was made: then that is said by now.
    const now = await read(object.kind, object.metadata.name);
    if (now.metadata.resourceVersion !== object.metadata.resourceVersion) return untruth(now);
    return `it says ${root.reason}, and nothing was made`;
  }
  // An endpoint goes on serving what it served.
  const mayHaveNone = !isServing && (phase === "blocked" || root.reason.startsWith("Input"));
  if (mayHaveNone && children.length > 0)
    return `it says ${root.reason}: ${root.message}, and pods were asked for`;
  if (root.reason === "ReconcileFailed") return root.message;
  return undefined;
}

/** Whether the API server keeps what was declared; it drops nulls. */
function isKept(declared: unknown, stored: unknown): boolean {
  if (declared === null || declared === undefined) return true;
  if (typeof declared !== "object") return declared === stored;
  if (Array.isArray(declared))
    return (
      Array.isArray(stored) &&
      declared.length === stored.length &&
      declared.every((item, at) => isKept(item, stored[at]))
    );
  if (typeof stored !== "object" || stored === null) return Object.keys(declared).length === 0;
  const there = stored as Record<string, unknown>;
  return Object.entries(declared).every(([name, value]) => isKept(value, there[name]));
}

let accepted = 0;
let changedAfterwards = 0;

async function declare(
  declaration: Declaration,
  next: Declaration,
  name: string,
): Promise<Fault | undefined> {
  const { kind, field, value } = declaration;
  const fault = (problem: string): Fault => ({
    declaration: { kind, field, value: JSON.stringify(value)?.slice(0, 80) },
    problem,
  });
  const own = ownRefusal(declaration, name);
  const { code, body } = await create(declaration, name);
  const said = JSON.stringify(body).slice(0, 400);
  if (code >= 500) return fault(`the API server answers ${code}: ${said}`);
  if (code >= 300 !== (own !== undefined))
    return fault(`the API server answers ${code} and the local adapter ${own ?? "takes it"}: ${said}`);
  if (code >= 300) return undefined;
  accepted += 1;
  const object = await told(kind, name);
  if (object === undefined)
    return fault(`nothing is said of it: ${JSON.stringify(await read(kind, name)).slice(0, 600)}`);
  if (!isKept(declaration.spec, object.spec))
    return fault(`another spec is kept: ${JSON.stringify(object.spec)}`);
  const untrue = await untruth(object);
  if (untrue !== undefined) return fault(untrue);
  return change(object, next, fault);
}

/** The same object as another declaration has it: refused for what may not change, or told of anew. */
async function change(
  object: TanrenObject,
  next: Declaration,
  fault: (problem: string) => Fault,
): Promise<Fault | undefined> {
  const { kind, metadata } = object;
  const own = ownRefusal(next, metadata.name, object);
  const { resourceVersion, ...rest } = (await read(kind, metadata.name)).metadata;
  const body = { ...object, metadata: rest, spec: next.spec };
  const answer = await api.ask("PUT", `${pathOf(kind, metadata.name)}?fieldValidation=Strict`, {
    ...body,
    metadata: { ...rest, resourceVersion },
  });
  const to = `changed to ${next.field} ${JSON.stringify(next.value)?.slice(0, 80)}`;
  if (answer.code === 409) return change(object, next, fault);
  if (answer.code >= 300 !== (own !== undefined))
    return fault(
      `${to}: the API server answers ${answer.code}, the local adapter ${own ?? "takes it"}: ${JSON.stringify(answer.body).slice(0, 400)}`,
    );
  if (answer.code >= 300 || isDeepStrictEqual(next.spec, object.spec)) return undefined;
  changedAfterwards += 1;
  const after = await told(kind, metadata.name);
  if (after === undefined) return fault(`${to}: nothing is said of it`);
  const untrue = await untruth(after);
  return untrue === undefined ? undefined : fault(`${to}: ${untrue}`);
}

test("every declaration is refused by its field or comes about, and what is said of it is so", async () => {
  const all = (kinds as readonly KindDefinition[]).flatMap(declarationsOf);
  const [shuffled = []] = fc.sample(fc.shuffledSubarray(all, { minLength: all.length }), {
    seed,
    numRuns: 1,
  });
  const chosen = asked === "whole" ? shuffled : shuffled.slice(0, Number(asked));
  const faults: Fault[] = [];
  for (let start = 0; start < chosen.length; start += atOnce) {
    const batch = chosen.slice(start, start + atOnce);
    const seen = await Promise.all(
      batch.map((declaration, at) => {
        const sameKind = shuffled.filter(({ kind }) => kind === declaration.kind);
        const next = sameKind[(start + at) % sameKind.length] ?? declaration;
        return declare(declaration, next, `d${start + at}`);
      }),
    );
    faults.push(...seen.filter((fault) => fault !== undefined));
    for (const { resource } of kinds) {
      const own = await cluster.list(resource as KindDefinition["resource"], { namespace });
      for (const object of own.filter(({ metadata }) => /^d\d+$/.test(metadata.name)))
        await cluster.delete(resource as KindDefinition["resource"], object);
    }
  }
  const complaints = operator.logs
    .filter(({ level }) => level === "error")
    .map((line) => JSON.stringify(line));
  console.error(
    `${chosen.length} of ${all.length} declarations, ${accepted} accepted, ${changedAfterwards} changed`,
  );
  expect.soft(faults).toEqual([]);
  expect.soft(complaints.slice(0, 20)).toEqual([]);
  expect((await operator.ask("/healthz")).code).toBe(200);
}, 7_200_000);
