import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { stringify } from "yaml";
import { z } from "zod";
import { kinds } from "../../operator/api/kinds.ts";
import { likeQuickstart } from "./manifests.ts";
import { dangerous, granted, Role, table, used } from "./permissions.ts";
import { conditionOf, Run } from "./runs.ts";
import {
  mode,
  namespace,
  operatorAccount,
  operatorNamespace,
  operatorUser,
  until,
  type World,
} from "./world.ts";

const Binding = z.looseObject({
  metadata: z.looseObject({ namespace: z.string().optional() }),
  roleRef: z.looseObject({ kind: z.string(), name: z.string() }),
  subjects: z
    .array(z.looseObject({ kind: z.string(), name: z.string(), namespace: z.string().optional() }))
    .default([]),
});

/** Where its rights hold beside its own namespace, in the words of permissions.ts. */
const scope = mode === "cluster" ? "*" : namespace;

/** Every role that is bound to the operator, as the API server has it. */
async function rolesOf(world: World): Promise<Role[]> {
  const bindings = await Promise.all(
    ["clusterrolebindings", "rolebindings"].map((kind) => world.list(Binding, kind, "", "*")),
  );
  const its = bindings
    .flat()
    .filter(({ subjects }) =>
      subjects.some((subject) => subject.name === operatorAccount && subject.namespace === operatorNamespace),
    );
  return Promise.all(
    its.map(({ metadata, roleRef }) =>
      world.get(Role, roleRef.kind, roleRef.name, metadata.namespace ?? "default"),
    ),
  );
}

/** A child such as the operator makes, of an owner of some kind. */
const childOf = (apiVersion: string, kind: string) =>
  stringify({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "child",
      namespace,
      ownerReferences: [
        { apiVersion, kind, name: "any", uid: "any", controller: true, blockOwnerDeletion: true },
      ],
    },
  });

/**
 * The rights that no request shows: the admission plugin OwnerReferencesPermissionEnforcement, on in some
 * distributions and in this cluster, asks for them when a child is made. Found by trying: somebody with all
 * the operator's rights but these may make no child.
 */
async function usedByAdmission(world: World, roles: readonly Role[]): Promise<Set<string>> {
  const isFinalizers = (resource: string) => resource.endsWith("/finalizers");
  const rules = roles.flatMap((role) => role.rules).filter(({ resources }) => !resources.every(isFinalizers));
  const meta = { name: "all-but-finalizers" };
  const group = "rbac.authorization.k8s.io";
  await world.apply(
    { apiVersion: `${group}/v1`, kind: "Role", metadata: meta, rules },
    {
      apiVersion: `${group}/v1`,
      kind: "RoleBinding",
      metadata: meta,
      roleRef: { apiGroup: group, kind: "Role", name: meta.name },
      subjects: [{ apiGroup: group, kind: "User", name: meta.name }],
    },
  );
  const mayMakeChild = async (user: string, input: string) => {
    const words = ["create", "--dry-run=server", "-f", "-", `--as=${user}`];
    const { code, stderr } = await world.cluster.kubectl(words, { input });
    if (code !== 0 && !stderr.includes("blockOwnerDeletion")) throw new Error(stderr);
    return code === 0;
  };
  const needed = new Set<string>();
  for (const { resource } of kinds) {
    const child = childOf(resource.apiVersion, resource.kind);
    if (!(await mayMakeChild(operatorUser, child)))
      throw new Error(`the operator may make no child of a ${resource.kind}`);
    if (!(await mayMakeChild(meta.name, child)))
      needed.add(`${scope}\ttanren.dev\t${resource.plural}/finalizers\tupdate`);
  }
  return needed;
}

/** What the operator asked for in all the tests before, and the one thing that none of them makes it ask for. */
export function rights(world: () => World): void {
  test("a run in a queue of a cluster without Kueue says what is missing", async () => {
    const queued = likeQuickstart("Corpus", "queued", { compute: { queueName: "team-a" } });
    await world().apply(queued);
    await until("the run says that nobody serves its queue", async () => {
      const said = conditionOf(await world().get(Run, "corpus", "queued"), "Succeeded");
      return (said?.reason === "Queued" && said.message.includes("install Kueue")) || undefined;
    });
    await world().kubectl("delete", "corpus", "queued", "--namespace", namespace);
  });

  // Of its own children the operator is told by watches: it asks for one only where the name is taken.
  test("a child whose name is somebody else's is named, one kind after the other", async () => {
    const metadata = (name: string) => ({ name, namespace });
    const pods = { metadata: { labels: { app: "foreign" } }, spec: { containers: [] as object[] } };
    pods.spec.containers.push({ name: "a", image: "foreign" });
    const selector = { matchLabels: { app: "foreign" } };
    const stage = "corpus-taken-clean-1";
    const job = { suspend: true, template: { ...pods, spec: { ...pods.spec, restartPolicy: "Never" } } };
    const foreign = {
      "corpus/taken": [
        {
          apiVersion: "networking.k8s.io/v1",
          kind: "NetworkPolicy",
          name: "corpus-taken",
          spec: { podSelector: selector },
        },
        { apiVersion: "v1", kind: "ConfigMap", name: stage },
        { apiVersion: "batch/v1", kind: "Job", name: stage, spec: job },
      ],
      "inferencedeployment/taken": [
        {
          apiVersion: "policy/v1",
          kind: "PodDisruptionBudget",
          name: "taken",
          spec: { selector, maxUnavailable: 1 },
        },
        { apiVersion: "v1", kind: "Service", name: "taken", spec: { ports: [{ port: 80 }] } },
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          name: "taken",
          spec: { replicas: 0, selector, template: pods },
        },
      ],
    };
    for (const { name, ...others } of Object.values(foreign).flat())
      await world().apply({ ...others, metadata: metadata(name) });
    await world().apply(likeQuickstart("Corpus", "taken", {}), {
      apiVersion: "tanren.dev/v1alpha1",
      kind: "InferenceDeployment",
      metadata: metadata("taken"),
      spec: {
        model: { directory: { claimName: "web-pages", path: "model" } },
        contextLength: 128,
        podDisruptionBudget: { enabled: true },
      },
    });
    for (const [owner, children] of Object.entries(foreign)) {
      const [kind = "", name = ""] = owner.split("/");
      for (const child of children) {
        await until(`${owner} says that ${child.kind} ${child.name} is somebody else's`, async () => {
          const { status } = await world().get(Run, kind, name);
          const said = status.conditions.find(({ reason }) => reason === "NameTaken");
          return said?.message.startsWith(`${child.kind} ${child.name} `) || undefined;
        });
        if (child !== children.at(-1))
          await world().kubectl("delete", child.kind, child.name, "--namespace", namespace);
      }
      await world().kubectl("delete", kind, name, "--namespace", namespace);
    }
  });

  test("the operator has every right it used, none that it did not, none elsewhere, and none that is dangerous", async () => {
    const roles = await rolesOf(world());
    const given = granted(roles);
    const log = await readFile(world().cluster.auditLog, "utf8");
    const { allowed, refused } = used(log, operatorUser, given);
    const inUse = allowed.union(await usedByAdmission(world(), roles));
    console.error(`What the operator may do, and did:\n${table(inUse)}`);
    const places = new Set([...given].map((right) => right.split("\t")[0]));
    expect.soft(places, "where it has rights").toEqual(new Set([scope, operatorNamespace]));
    expect.soft([...refused], "requests that were refused").toEqual([]);
    expect.soft([...given].filter(dangerous), "dangerous rights").toEqual([]);
    expect([...given.difference(inUse)], "rights that were never used").toEqual([]);
  });
}
