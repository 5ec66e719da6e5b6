import { cp, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { z } from "zod";
import { buildImages, type Images } from "../../images/build.ts";
import { say } from "../../images/commands.ts";
import { startCluster, type TestCluster } from "../cluster/cluster.ts";
import type { Manifest } from "./manifests.ts";

/** A real Kubernetes with a node and the real images; the tests speak to it as people do, by kubectl. */

export const repository = fileURLToPath(new URL("../..", import.meta.url));
/** How the chart is installed: for all namespaces, or in that of the runs with Roles alone. */
export const mode = z.enum(["cluster", "namespaced"]).default("cluster").parse(process.env.TANREN_TEST_MODE);
/** Where the runs of the test are. */
export const namespace = "llm";
export const operatorNamespace = mode === "cluster" ? "tanren-system" : namespace;
export const operatorAccount = "tanren-operator";
/** As the API server calls the operator. */
export const operatorUser = `system:serviceaccount:${operatorNamespace}:${operatorAccount}`;

/** Nothing that is waited for takes this long, even where other work takes most of the machine. */
const patienceSeconds = 900;

export const Condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string(),
  message: z.string(),
});
export type Condition = z.output<typeof Condition>;

export const Metadata = z.looseObject({
  name: z.string(),
  uid: z.string(),
  labels: z.record(z.string(), z.string()).default({}),
  deletionTimestamp: z.string().optional(),
});

export class World {
  readonly cluster: TestCluster;
  readonly images: Images;

  private constructor(cluster: TestCluster, images: Images) {
    this.cluster = cluster;
    this.images = images;
  }

  static async start(): Promise<World> {
    const images = await buildImages("cpu");
    say("cluster with a node");
    const cluster = await startCluster({
      node: true,
      auditPolicy: join(import.meta.dirname, "audit-policy.yaml"),
      featureGates: "GenericWorkload=true,GangScheduling=true",
      runtimeConfig: "scheduling.k8s.io/v1alpha2=true",
    });
    const world = new World(cluster, images);
    try {
      for (const { archive } of Object.values(images)) {
        say(`loading ${archive}`);
        await cluster.loadImage(archive);
      }
      return world;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  /** What kubectl prints; throws what it complains of. */
  async kubectl(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cluster.kubectl(args);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr.trim()}`);
    return stdout;
  }

  /** What kubectl complains of; throws when it does not. */
  async refused(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cluster.kubectl(args);
    if (code === 0) throw new Error(`kubectl ${args.join(" ")} was not refused: ${stdout.trim()}`);
    return stderr;
  }

  /**
   * Applies manifests in the namespace of the runs, where they name none and are not of the whole cluster.
   */
  async apply(...manifests: Manifest[]): Promise<void> {
    const input = manifests.map((manifest) => stringify(manifest)).join("---\n");
    const { code, stderr } = await this.cluster.kubectl(["apply", "--namespace", namespace, "-f", "-"], {
      input,
    });
    if (code !== 0) throw new Error(`kubectl apply: ${stderr.trim()}`);
  }

  /** One object, as a schema says; undefined where there is none. */
  async find<T>(schema: z.ZodType<T>, kind: string, name: string, where = namespace): Promise<T | undefined> {
    const printed = await this.kubectl(
      "get",
      kind,
      name,
      "--namespace",
      where,
      "--ignore-not-found",
      "-o",
      "json",
    );
    return printed.trim() === "" ? undefined : schema.parse(JSON.parse(printed));
  }

  async get<T>(schema: z.ZodType<T>, kind: string, name: string, where = namespace): Promise<T> {
    const found = await this.find(schema, kind, name, where);
    if (found === undefined) throw new Error(`there is no ${kind} ${where}/${name}`);
    return found;
  }

  /** Objects of a kind with labels, as a schema says; of all namespaces where `where` is `*`. */
  async list<T>(schema: z.ZodType<T>, kind: string, selector = "", where = namespace): Promise<T[]> {
    const labels = selector === "" ? [] : ["--selector", selector];
    const place = where === "*" ? ["--all-namespaces"] : ["--namespace", where];
    const printed = await this.kubectl("get", kind, ...place, ...labels, "-o", "json");
    return z.object({ items: z.array(schema) }).parse(JSON.parse(printed)).items;
  }

  /** Waits as people do: `kubectl wait`. Says when it is so. */
  async wait(object: string, condition: string, where = namespace): Promise<void> {
    await this.kubectl(
      "wait",
      object,
      "--namespace",
      where,
      `--for=${condition}`,
      `--timeout=${patienceSeconds}s`,
    );
    say(`${object}: ${condition}`);
  }

  /** Writes what a person would look at into a folder and returns it. */
  async collect(): Promise<string> {
    const folder = join(repository, "build/node-test", new Date().toISOString().replaceAll(":", "-"));
    await mkdir(folder, { recursive: true });
    const all =
      "corpora,pretrainruns,contextextensions,alignmentruns,evaluations,inferencedeployments,jobs,deployments,pods";
    const questions = {
      "objects.txt": ["get", `${all},pvc,pv,networkpolicies`, "--all-namespaces", "-o", "wide"],
      "objects.yaml": ["get", all, "--all-namespaces", "-o", "yaml"],
      "events.txt": [
        "get",
        "events.v1.events.k8s.io",
        "--all-namespaces",
        "--sort-by=.metadata.creationTimestamp",
      ],
      "describe.txt": ["describe", "pods", "--all-namespaces"],
      "operator.log": [
        "logs",
        "-n",
        operatorNamespace,
        "-l",
        "app.kubernetes.io/component=operator",
        "--tail=-1",
      ],
      "operator-before.log": [
        "logs",
        "-n",
        operatorNamespace,
        "-l",
        "app.kubernetes.io/component=operator",
        "--previous",
      ],
      "programs.log": [
        "logs",
        "-n",
        namespace,
        "-l",
        "app.kubernetes.io/part-of=tanren",
        "--tail=200",
        "--prefix",
      ],
    };
    for (const [file, question] of Object.entries(questions)) {
      const { stdout, stderr } = await this.cluster.kubectl(question);
      await writeFile(join(folder, file), stdout + stderr);
    }
    await cp(join(this.cluster.directory, "logs"), join(folder, "components"), { recursive: true });
    await cp(this.cluster.auditLog, join(folder, "audit.log"));
    return folder;
  }
}

/** What is waited for cannot come any more. */
export class Hopeless extends Error {}

/** Looks until there is something to see; throws with what it waited for. */
export async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const end = performance.now() + patienceSeconds * 1000;
  let trouble: unknown;
  while (performance.now() < end) {
    try {
      const seen = await look();
      if (seen !== undefined) return seen;
      trouble = undefined;
    } catch (error) {
      if (error instanceof Hopeless) throw new Error(`${what}: ${error.message}`, { cause: error });
      trouble = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  throw new Error(`${what}: not within ${patienceSeconds} s`, { cause: trouble });
}
