import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach } from "vitest";
import { z } from "zod";
import { admit } from "../api/admission.ts";
import { apiVersion, type KindDefinition, kinds } from "../api/kinds.ts";
import { runFields } from "../api/parts.ts";
import { PretrainRunStatus } from "../api/status.ts";
import { timestamp } from "../clock/clock.ts";
import { isFinished } from "../cluster/conditions.ts";
import { Admission, type CustomResource } from "../cluster/local/apiserver/admission.ts";
import { ObjectFiles } from "../cluster/local/apiserver/object-files.ts";
import { Store } from "../cluster/local/apiserver/store.ts";
import type {
  Job,
  KubernetesObject,
  PersistentVolumeClaim,
  Pod,
  TerminatedState,
  Wanted,
} from "../cluster/objects.ts";
import type { Cluster } from "../cluster/port.ts";
import { jobs, pods, type Resource } from "../cluster/resource.ts";
import { containerName } from "../engine/kernel-pod.ts";
import type { BatchKind, KernelResult, Stage } from "../kinds/batch-kind.ts";
import { named } from "../kinds/needs.ts";
import { FakeClock } from "./fake-clock.ts";

/**
 * What the tests of the engines share: a small batch kind, a cluster without controllers, and a hand that
 * plays those.
 */

export const namespace = "default";

const ExampleSpec = z.strictObject({
  from: z.string().optional(),
  reads: z.string().optional(),
  needsBytes: z.int().default(0),
  ...runFields,
});
type ExampleSpec = z.output<typeof ExampleSpec>;

const definition: KindDefinition<typeof ExampleSpec, typeof PretrainRunStatus> = {
  resource: { apiVersion, kind: "ExampleRun", plural: "exampleruns", status: true },
  singular: "examplerun",
  shortNames: [],
  about: "a kind of the tests",
  spec: ExampleSpec,
  status: PretrainRunStatus,
  columns: [],
};

const hasBytes = 2 ** 31;

/**
 * Two stages: `prepare`, whose two pods are independent, and `build`, a gang of two, which makes the
 * artifact.
 */
export const exampleKind: BatchKind<ExampleSpec> = {
  definition,
  references: ({ from }) => (from === undefined ? [] : [{ role: "base", kind: "ExampleRun", name: from }]),
  needs: ({ reads }) => named("PersistentVolumeClaim", reads, "reads"),
  refuse: ({ needsBytes }) =>
    needsBytes > hasBytes
      ? { reason: "InsufficientMemory", message: `${needsBytes} bytes are too many` }
      : undefined,
  plan: ({ needsBytes }) => ({ ranks: 2, memoryPerRankBytes: needsBytes, memoryLimitPerRankBytes: hasBytes }),
  stages: (_, inputs) => [
    aStage({ name: "prepare", coupling: "independent" }),
    aStage({
      name: "build",
      coupling: "gang",
      artifact: true,
      mounts: [...inputs.values()].map(({ role, artifact }) => ({
        name: role,
        claimName: artifact.claimName,
        path: artifact.path,
      })),
    }),
  ],
  results: (_spec, _inputs, results) => ({ completedStages: [...results.keys()].toSorted() }),
  partialResults: ({ funnel }) => (funnel ? { documentsSeen: funnel[0]?.documents_in } : {}),
};

export function aStage(stage: Partial<Stage>): Stage {
  return {
    name: "build",
    program: "deduplicate",
    pods: 2,
    coupling: "gang",
    processesPerPod: 1,
    gpusPerPod: 0,
    mounts: [],
    artifact: false,
    config: () => ({
      ...{ input: "output/prepare", work: "output/build/work", tasks: 1, workers: 1, parts: 1 },
      ...{ memory_bytes: 2 ** 30, exact: true, near: false, keep: "source_order", seed: 1 },
      min_hash: { permutations: 128, bands: 16, shingle: 5, similarity: 0.8 },
    }),
    ...stage,
  };
}

export const aClaim = (name: string): Wanted<PersistentVolumeClaim> => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace },
  spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
});

export const digest = (digit: string) => `sha256:${digit.repeat(64)}`;

/** How a pod's container ends. */
export interface Ending {
  exitCode: number;
  reason?: string;
  result?: KernelResult;
  /** The pod was evicted. */
  evicted?: boolean;
}

export const well: Ending = {
  exitCode: 0,
  result: {
    reason: "Completed",
    message: "all is well",
    metrics: { loss: 1.5 },
    artifact: {
      path: "output/build",
      type: "model",
      digest: digest("a"),
      size_bytes: 1000,
      context_length: 128,
      parameters: 10,
    },
  },
};

export const badly = (reason: KernelResult["reason"], exitCode: number): Ending => ({
  exitCode,
  result: { reason, message: `it was ${reason}`, metrics: {} },
});

const cleanUps: (() => void)[] = [];
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp();
});

const asCustomResource = (kind: KindDefinition): CustomResource => ({
  resource: kind.resource as Resource<KubernetesObject>,
  admit: (candidate, old) => admit(kind, candidate, old as Parameters<typeof admit>[2]),
});

/** Our kinds and the one of the tests, as their CRDs are to an API server. */
export const customResources = () =>
  [...kinds, definition].map((kind) => asCustomResource(kind as KindDefinition));

/** The local adapter's store by itself: nothing in it moves but by the test's hand. */
export class TestEnv {
  readonly clock = new FakeClock();
  readonly store: Store;
  readonly cluster: Cluster;

  constructor() {
    const directory = mkdtempSync(join(tmpdir(), "tanren-engine-"));
    cleanUps.push(() => rmSync(directory, { recursive: true, force: true }));
    const admission = new Admission(customResources());
    this.store = new Store(new ObjectFiles(join(directory, "objects")), admission, this.clock);
    this.cluster = clusterOf(this.store);
  }

  /** The Job's pods, one per index, as they run. */
  startPods(job: Job): Pod[] {
    return Array.from({ length: job.spec.completions }, (_, index) => this.startPod(job, index));
  }

  startPod(job: Job, index: number): Pod {
    const made = this.store.apply(pods, {
      apiVersion: "v1",
      kind: "Pod",
      metadata: {
        name: `${job.metadata.name}-${index}`,
        namespace,
        labels: job.spec.template.metadata.labels,
        annotations: { "batch.kubernetes.io/job-completion-index": String(index) },
        ownerReferences: [
          {
            apiVersion: "batch/v1",
            kind: "Job",
            name: job.metadata.name,
            uid: job.metadata.uid,
            controller: true,
          },
        ],
      },
      spec: job.spec.template.spec,
    });
    return this.store.updateStatus(pods, {
      ...made,
      status: { phase: "Running", podIP: `10.0.0.${index + 1}` },
    });
  }

  /** Ends the Job with one ending per index, as kubelet and Job controller would. */
  endJob(job: Job, endings: readonly Ending[]): void {
    const there = this.store
      .list(pods, { namespace })
      .filter((pod) => pod.metadata.ownerReferences?.[0]?.uid === job.metadata.uid);
    const running = there.length > 0 ? there : this.startPods(job);
    for (const [index, pod] of running.entries()) {
      const ending = endings[index] ?? endings[0] ?? well;
      const { exitCode } = ending;
      this.store.updateStatus(pods, {
        ...pod,
        status: {
          phase: exitCode === 0 ? "Succeeded" : "Failed",
          ...(ending.evicted && { reason: "Evicted", message: "the node was low on memory" }),
          containerStatuses: [
            {
              name: containerName,
              ready: false,
              restartCount: 0,
              state: { terminated: this.#terminated(ending) },
            },
          ],
        },
      });
    }
    const type = endings.every(({ exitCode }) => exitCode === 0) ? "Complete" : "Failed";
    const condition = {
      type,
      status: "True" as const,
      reason: type,
      message: "",
      lastTransitionTime: timestamp(this.clock.now()),
    };
    const current = this.store.get(jobs, namespace, job.metadata.name) ?? job;
    this.store.updateStatus(jobs, { ...current, status: { conditions: [condition] } });
  }

  openJobs(): Job[] {
    return this.store.list(jobs, { namespace }).filter((job) => !isFinished(job) && !job.spec.suspend);
  }

  #terminated({ exitCode, reason, result }: Ending): TerminatedState {
    return {
      exitCode,
      reason: reason ?? (exitCode === 0 ? "Completed" : "Error"),
      finishedAt: timestamp(this.clock.now()),
      ...(result && { message: JSON.stringify(result) }),
    };
  }
}

function clusterOf(store: Store): Cluster {
  return {
    get: async (resource, inNamespace, name) => store.get(resource, inNamespace, name),
    list: async (resource, filter) => store.list(resource, filter),
    apply: async (resource, wanted) => store.apply(resource, wanted),
    patchSpec: async (resource, object, changes) => store.patchSpec(resource, object, changes),
    create: async (resource, wanted) => store.create(resource, wanted),
    updateStatus: async (resource, object) => store.updateStatus(resource, object),
    setFinalizer: async (resource, object, finalizer, present) =>
      store.setFinalizer(resource, object, finalizer, present),
    delete: async (resource, object, options) => store.delete(resource, object, options),
    watch: (resource, filter, onEvent) => store.watch(resource, filter, onEvent),
    logs: () => {
      throw new Error("the engines read no logs");
    },
  };
}

/** Thrown at the operator's writes once its time is up. */
export class KilledError extends Error {}

/** The cluster as an operator sees it that is killed at its nth write, before it arrives or after. */
export function killedAt(
  cluster: Cluster,
  write: number,
  when: "before" | "after",
): Cluster & { readonly writes: number } {
  let writes = 0;
  const guard = async <Result>(act: () => Promise<Result>): Promise<Result> => {
    writes += 1;
    if (writes > write || (writes === write && when === "before")) throw new KilledError();
    const result = await act();
    if (writes === write) throw new KilledError();
    return result;
  };
  return {
    ...cluster,
    get writes() {
      return writes;
    },
    apply: (resource, wanted) => guard(() => cluster.apply(resource, wanted)),
    create: (resource, wanted) => guard(() => cluster.create(resource, wanted)),
    updateStatus: (resource, object) => guard(() => cluster.updateStatus(resource, object)),
    setFinalizer: (resource, object, finalizer, present) =>
      guard(() => cluster.setFinalizer(resource, object, finalizer, present)),
    delete: (resource, object, options) => guard(() => cluster.delete(resource, object, options)),
  };
}
