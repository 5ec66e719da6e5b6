import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Allowed, notAllowed } from "../../operator/api/allowed.ts";
import { kinds } from "../../operator/api/kinds.ts";
import { covers } from "../../operator/engine/reconcile-result.ts";
import { type Changes, changed } from "../../operator/testing/samples.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import { buildHelm, chart, type Helm, Renderer } from "./helm.ts";
import { documents, identity } from "./release.ts";
import { everything } from "./value-effects.ts";

/**
 * Installation on a real API server: by Helm and plainly, in both modes, upgrade and uninstall. There is no
 * node: pods stay Pending.
 */

let cluster: TestCluster;
let helm: Helm;
let folder: string;
beforeAll(async () => {
  cluster = await startCluster();
  helm = await buildHelm(cluster.kubeconfig);
  folder = mkdtempSync(join(tmpdir(), "tanren-install-"));
}, 30 * 60_000);
afterAll(async () => {
  helm?.stop();
  await cluster?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

const root = join(import.meta.dirname, "../..");
const install = (name: string) => join(root, "charts/install", name);

async function kubectl(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(args);
  if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
  return stdout;
}

function succeed(args: readonly string[], values?: object): string {
  const { code, stdout, stderr } = helm(args, values === undefined ? {} : { values });
  if (code !== 0) throw new Error(`helm ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const canI = async (who: string, verb: string, resource: string, ...where: string[]) =>
  (await cluster.kubectl(["auth", "can-i", verb, resource, `--as=${who}`, ...where])).stdout.trim();

const operator = (namespace: string) => `system:serviceaccount:${namespace}:tanren-operator`;
/**
 * Until every kind is served. A definition that is deleted before its kind has been listed once may stay for
 * ever: the API server finds its storage "(re)initializing" and does not look again.
 */
async function served(): Promise<void> {
  await kubectl("wait", "--for=condition=Established", "crd", "-l", "app.kubernetes.io/name=tanren");
  const list = async () => (await cluster.kubectl(["get", "tanren", "--all-namespaces"])).code;
  await expect.poll(list, { timeout: 20_000 }).toBe(0);
}
const crds = async () =>
  (await kubectl("get", "crd", "-o", "name")).split("\n").filter((name) => /tanren/.test(name));

const Listed = z.object({
  items: z.array(
    z.object({
      kind: z.string(),
      metadata: z.object({ name: z.string(), resourceVersion: z.string(), generation: z.int().optional() }),
    }),
  ),
});

/** What tells whether an object was changed: a Deployment's status changes by itself. */
async function versions(file: string): Promise<Record<string, unknown>> {
  const { items } = Listed.parse(JSON.parse(await kubectl("get", "-f", file, "-o", "json")));
  return Object.fromEntries(
    items.map(({ kind, metadata }) => [
      `${kind}/${metadata.name}`,
      kind === "Deployment" ? metadata.generation : metadata.resourceVersion,
    ]),
  );
}

describe("plain manifests", () => {
  test("applied twice, the second time changes nothing", async () => {
    const file = install("install.yaml");
    await kubectl("apply", "--server-side", "-f", file);
    await served();
    const before = await versions(file);
    expect(Object.keys(before).length).toBeGreaterThan(10);
    await kubectl("apply", "--server-side", "-f", file);
    expect(await versions(file)).toEqual(before);
  });

  test("the API server stores what they say, so that GitOps tools see no difference", async () => {
    const stated = documents(readFileSync(install("install.yaml"), "utf8"));
    const stored = z.object({ items: z.array(z.unknown()) });
    const { items } = stored.parse(
      JSON.parse(await kubectl("get", "-f", install("install.yaml"), "-o", "json")),
    );
    expect(stated.filter((object, at) => !covers(items[at], object)).map(identity)).toEqual([]);
  });

  test("the operator's pod is admitted where the strictest Pod Security Standard is enforced", async () => {
    expect(await kubectl("get", "namespace", "tanren-system", "-o", "jsonpath={.metadata.labels}")).toContain(
      '"pod-security.kubernetes.io/enforce":"restricted"',
    );
    await expect
      .poll(() => kubectl("get", "pods", "-n", "tanren-system", "-o", "name"), { timeout: 20_000 })
      .toMatch(/pod\/tanren-operator-/);
  });

  test("the examples of the repository are accepted by the definitions", async () => {
    const results = await kubectl("apply", "--dry-run=server", "-f", join(root, "examples/programme-a"));
    expect(results.split("\n").filter((line) => line.includes("tanren.dev")).length).toBeGreaterThanOrEqual(
      6,
    );
  });

  test("the operator may do its work everywhere, and nothing besides", async () => {
    const who = operator("tanren-system");
    expect(await canI(who, "watch", "corpora.tanren.dev", "-A")).toBe("yes");
    expect(await canI(who, "create", "jobs.batch", "-n", "default")).toBe("yes");
    expect(
      await canI(who, "update", "leases.coordination.k8s.io/tanren-operator", "-n", "tanren-system"),
    ).toBe("yes");
    for (const [verb, resource, namespace, ...more] of [
      ["get", "secrets", "tanren-system"],
      ["create", "pods", "default"],
      ["create", "pods", "default", "--subresource=exec"],
      ["update", "leases.coordination.k8s.io/other", "tanren-system"],
      ["create", "leases.coordination.k8s.io", "default"],
      ["create", "corpora.tanren.dev", "default"],
      ["delete", "persistentvolumeclaims", "default"],
      ["create", "networkpolicies.networking.k8s.io", "default"],
      ["impersonate", "users", "default"],
    ] as const)
      expect([verb, resource, await canI(who, verb, resource, "-n", namespace, ...more)]).toEqual([
        verb,
        resource,
        "no",
      ]);
  });

  test("whoever may edit or view a namespace may do so with runs", async () => {
    await kubectl("create", "rolebinding", "ann", "--clusterrole=edit", "--user=ann", "-n", "default");
    await kubectl("create", "rolebinding", "bob", "--clusterrole=view", "--user=bob", "-n", "default");
    // The cluster's own roles take in the chart's in their own time.
    const soon = { timeout: 20_000 };
    await expect
      .poll(() => canI("ann", "create", "pretrainruns.tanren.dev", "-n", "default"), soon)
      .toBe("yes");
    await expect.poll(() => canI("bob", "get", "pretrainruns.tanren.dev", "-n", "default"), soon).toBe("yes");
    expect(await canI("bob", "create", "pretrainruns.tanren.dev", "-n", "default")).toBe("no");
    expect(
      await canI("ann", "update", "pretrainruns.tanren.dev", "--subresource=status", "-n", "default"),
    ).toBe("no");
    expect(
      await canI("ann", "update", "inferencedeployments.tanren.dev", "--subresource=scale", "-n", "default"),
    ).toBe("yes");
  });

  test("a kustomization takes them in", async () => {
    writeFileSync(
      join(folder, "kustomization.yaml"),
      "resources: [install-namespaced.yaml]\nnamespace: team-a\n",
    );
    cpSync(install("install-namespaced.yaml"), join(folder, "install-namespaced.yaml"));
    expect(await kubectl("kustomize", folder)).toContain("namespace: team-a");
  });

  test("deleted, nothing is left", async () => {
    // With the namespace, which comes first, go objects that come later.
    await kubectl("delete", "--ignore-not-found", "-f", install("install.yaml"), "--wait", "--timeout=60s");
    expect(await crds()).toEqual([]);
  });

  test("in one namespace of another name: the operator has rights there and nowhere else", async () => {
    await kubectl("create", "namespace", "team-a");
    await kubectl("apply", "--server-side", "-f", install("crds.yaml"));
    const file = join(folder, "team-a.yaml");
    const text = readFileSync(install("install-namespaced.yaml"), "utf8");
    writeFileSync(file, text.replaceAll("tanren-system", "team-a"));
    await kubectl("apply", "--server-side", "-f", file);
    await served();
    const who = operator("team-a");
    expect(await canI(who, "watch", "corpora.tanren.dev", "-n", "team-a")).toBe("yes");
    expect(await canI(who, "watch", "corpora.tanren.dev", "-n", "default")).toBe("no");
    expect(await canI(who, "watch", "corpora.tanren.dev", "-A")).toBe("no");
    expect(await canI(who, "create", "jobs.batch", "-n", "default")).toBe("no");
    await kubectl("delete", "-f", file, "-f", install("crds.yaml"), "--wait", "--timeout=60s");
  });
}, 120_000);

test("with every value set, the API server takes every object", async () => {
  await kubectl("create", "namespace", "tanren-system");
  // Kinds of the Prometheus operator are not known to a bare cluster, and namespaces of runs are not there.
  const items = new Renderer(helm)
    .objects(everything)
    .filter(
      ({ apiVersion, metadata: { namespace } }) =>
        !apiVersion.startsWith("monitoring.") && (namespace === undefined || namespace === "tanren-system"),
    );
  expect(items.filter(({ kind }) => kind === "NetworkPolicy").length).toBe(4);
  const { code, stderr } = await cluster.kubectl(["apply", "--server-side", "--dry-run=server", "-f", "-"], {
    input: JSON.stringify({ apiVersion: "v1", kind: "List", items }),
  });
  expect(code, stderr).toBe(0);
  await kubectl("delete", "namespace", "tanren-system", "--wait", "--timeout=60s");
}, 180_000);

describe("Helm", () => {
  const place = ["--namespace", "forge"];

  /** The chart as an older version would have had it: one column the fewer. */
  function olderChart(): string {
    const older = join(folder, "older");
    cpSync(chart, older, { recursive: true });
    const path = join(older, "files/crds/corpora.yaml");
    const lines = readFileSync(path, "utf8").split("\n");
    const at = lines.findIndex((line) => line.includes("- name: ETA"));
    expect(at).toBeGreaterThan(0);
    const next = lines.findIndex((line, index) => index > at && /^\s*- name: /.test(line));
    writeFileSync(path, [...lines.slice(0, at), ...lines.slice(next)].join("\n"));
    return older;
  }

  const columns = () =>
    kubectl(
      "get",
      "crd",
      "corpora.tanren.dev",
      "-o",
      "jsonpath={.spec.versions[0].additionalPrinterColumns[*].name}",
    );
  const checksum = () =>
    kubectl(
      "get",
      "deployment",
      "tanren-operator",
      "-n",
      "forge",
      "-o",
      "jsonpath={.spec.template.metadata.annotations}",
    );

  test("installs, and says what to do next", async () => {
    const said = succeed(["install", "tanren", olderChart(), ...place, "--create-namespace"]);
    expect(said).toContain("looks after all namespaces");
    expect(said).toContain("kubectl --namespace forge rollout status deployment/tanren-operator");
    await served();
    expect(await columns()).not.toContain("ETA");
    expect(await canI(operator("forge"), "watch", "corpora.tanren.dev", "-A")).toBe("yes");
  });

  test("upgrades the definitions too", async () => {
    succeed(["upgrade", "tanren", chart, ...place]);
    expect(await columns()).toContain("ETA");
  });

  test("what the platform does not allow is refused as it is written, as the operator would refuse it", async () => {
    const allow = Allowed.parse({
      images: ["registry.example.com/tanren/*"],
      claims: ["pages", "team-*"],
      serviceAccounts: [],
      nodeLabels: ["topology.kubernetes.io/*"],
      taints: ["nvidia.com/gpu"],
    });
    const named = (kind: string, name: string, changes: Changes) => ({
      apiVersion: "tanren.dev/v1alpha1",
      kind,
      metadata: { name, namespace: "forge" },
      spec: changed(kind, changes),
    });
    const send = (args: string[], object: unknown) =>
      cluster.kubectl([...args, "-f", "-"], { input: JSON.stringify(object) });
    const old = named("Corpus", "older", { "compute.image": "elsewhere:1" });
    expect((await send(["apply"], old)).code).toBe(0);
    succeed(["upgrade", "tanren", chart, ...place], { allow: { ...allow, admissionPolicies: true } });

    const gpu = { key: "nvidia.com/gpu", operator: "Exists" };
    const terms = (key: string) => ({
      nodeSelectorTerms: [{ matchExpressions: [{ key, operator: "Exists" }] }],
    });
    const required = "compute.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution";
    const tried: [kind: string, changes: Changes][] = [
      ["Corpus", { "compute.image": "evil:1" }],
      ["Corpus", { "compute.image": "registry.example.com/tanren/kernels:1" }],
      ["Corpus", { "compute.image": "registry-example.com/tanren/kernels:1" }],
      ["Corpus", { storage: { claimName: "others" } }],
      ["Corpus", { storage: { claimName: "team-a" } }],
      [
        "Corpus",
        {
          "cleaning.stages": [
            { name: "a", classifier: { clean: { claimName: "others" }, dirty: { claimName: "pages" } } },
          ],
        },
      ],
      ["Corpus", { "compute.priorityClassName": "system-node-critical" }],
      ["Corpus", { "compute.priorityClassName": "batch" }],
      ["Corpus", { "compute.serviceAccountName": "default" }],
      ["Corpus", { "compute.nodeSelector": { "kubernetes.io/hostname": "n" } }],
      ["Corpus", { "compute.nodeSelector": { "topology.kubernetes.io/zone": "a" } }],
      ["Corpus", { "compute.tolerations": [gpu] }],
      ["Corpus", { "compute.tolerations": [gpu, { operator: "Exists" }] }],
      ["Corpus", { [required]: terms("pool") }],
      ["Corpus", { [required]: terms("topology.kubernetes.io/zone") }],
      ["InferenceDeployment", { "auth.secretName": "database" }],
      ["InferenceDeployment", { "auth.secretName": "tanren-keys" }],
      ["InferenceDeployment", { model: { directory: { claimName: "others" } } }],
    ];
    const verdict = async ([kind, changes]: (typeof tried)[number]) => {
      const { code, stderr } = await send(["create", "--dry-run=server"], named(kind, "tried", changes));
      expect(code === 0 || /is not allowed on this platform/.test(stderr), stderr).toBe(true);
      return code === 0;
    };
    const definition = (name: string) => kinds.find(({ resource }) => resource.kind === name) ?? kinds[0];
    const operators = tried.map(
      ([kind, changes]) => notAllowed(definition(kind), changed(kind, changes), allow) === undefined,
    );
    expect(new Set(operators)).toEqual(new Set([true, false]));
    // The API server takes policies up in its own time.
    await expect.poll(() => Promise.all(tried.map(verdict)), { timeout: 30_000 }).toEqual(operators);

    // What was there before can be let go, but not be changed into something else that is not allowed.
    await kubectl(
      "patch",
      "corpus",
      "older",
      "-n",
      "forge",
      "--type=merge",
      "-p",
      '{"metadata":{"finalizers":[]}}',
    );
    const changedImage = named("Corpus", "older", { "compute.image": "elsewhere:2" });
    expect((await send(["apply"], changedImage)).stderr).toContain("spec.compute.image is not allowed");
    await kubectl("delete", "corpus", "older", "-n", "forge");
    // Without any values Helm would take those of the release before.
    succeed(["upgrade", "tanren", chart, ...place], { allow: { admissionPolicies: false } });
    expect(await kubectl("get", "validatingadmissionpolicies", "-o", "name")).not.toContain("tanren");
  });

  test("another configuration rolls the pods, the same does not", async () => {
    const before = await checksum();
    succeed(["upgrade", "tanren", chart, ...place]);
    expect(await checksum()).toBe(before);
    succeed(["upgrade", "tanren", chart, ...place], { logLevel: "debug" });
    expect(await checksum()).not.toBe(before);
  });

  test("goes from all namespaces to one, and the rights go with it", async () => {
    succeed(["upgrade", "tanren", chart, ...place], { mode: "namespaced" });
    expect(await canI(operator("forge"), "watch", "corpora.tanren.dev", "-n", "forge")).toBe("yes");
    expect(await canI(operator("forge"), "watch", "corpora.tanren.dev", "-n", "default")).toBe("no");
  });

  test("uninstalled, definitions and runs stay; installed again, they are taken up", async () => {
    await kubectl("apply", "-n", "forge", "-f", join(root, "examples/quickstart/5-evaluate.yaml"));
    succeed(["uninstall", "tanren", ...place, "--wait"]);
    expect((await crds()).length).toBe(6);
    expect(await kubectl("get", "evaluations.tanren.dev", "-n", "forge", "-o", "name")).toContain(
      "assistant",
    );
    expect(
      await kubectl("get", "all,configmaps,roles,rolebindings", "-n", "forge", "-o", "name"),
    ).not.toContain("tanren-operator");
    succeed(["install", "tanren", chart, ...place]);
    expect(await kubectl("get", "evaluations.tanren.dev", "-n", "forge", "-o", "name")).toContain(
      "assistant",
    );
  });

  test("a second operator for one namespace, beside definitions that are there", async () => {
    succeed(["uninstall", "tanren", ...place, "--wait"]);
    const values = { mode: "namespaced", crds: { install: false } };
    for (const namespace of ["team-b", "team-c"])
      succeed(["install", "tanren", chart, "--namespace", namespace, "--create-namespace"], values);
    expect(await canI(operator("team-b"), "create", "jobs.batch", "-n", "team-b")).toBe("yes");
    expect(await canI(operator("team-b"), "create", "jobs.batch", "-n", "team-c")).toBe("no");
  });

  test("takes over what was installed plainly", async () => {
    await kubectl("apply", "--server-side", "-f", install("install.yaml"));
    const there = ["--namespace", "tanren-system"];
    const { code, stderr } = helm(["install", "tanren", chart, ...there]);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("cannot be imported into the current release"),
    ]);
    succeed(["install", "tanren", chart, ...there, "--take-ownership"]);
    // Fields that kubectl stated once are its own until somebody else insists.
    succeed(["upgrade", "tanren", chart, ...there, "--force-conflicts"], { logLevel: "debug" });
  });

  test("all runs go at one word", async () => {
    await kubectl("delete", "tanren", "--all", "--all-namespaces");
    expect(await kubectl("get", "tanren", "--all-namespaces", "-o", "name")).toBe("");
  });
}, 180_000);
