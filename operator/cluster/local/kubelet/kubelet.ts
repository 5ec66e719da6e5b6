import { mkdirSync } from "node:fs";
import type { Clock } from "../../../clock/clock.ts";
import { keyOf } from "../../object-key.ts";
import type { KubernetesObject, Pod } from "../../objects.ts";
import { configMaps, pods, secrets } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { byName, Controller, type ControllerContext, on } from "../controller.ts";
import { writing } from "../disk.ts";
import type { Attempt, Observation } from "./container.ts";
import { Orphans } from "./orphans.ts";
import { currentAttempt, podDirectory, podsDirectory, terminatedState } from "./pod-directory.ts";
import { environmentOf } from "./pod-environment.ts";
import {
  addressed,
  ended,
  freeAddress,
  isTerminal,
  type PodStatus,
  restartCount,
  restarting,
  running,
  type Termination,
  untilRestart,
  waiting,
} from "./pod-status.ts";
import { startProbe } from "./probe.ts";
import { mountVolumes, NotReadyError, refreshVolumes, rootDirectory } from "./volumes.ts";

export interface NodeOptions {
  /** Programs by the name a command states, such as the interpreter that `python` stands for. */
  programs: Record<string, string>;
  /** Environment of every container, beneath its own. */
  env: Record<string, string>;
}

const pollPeriod = 200;
/** For what happens within milliseconds: a shim that starts, processes that were killed. */
const shortPeriod = 20;

/**
 * What the node remembers of a pod between looks. All of it can be lost: it is found again on disk and in
 * /proc.
 */
interface Run {
  attempt: number;
  spawned: boolean;
  /** Whether this node has asked the attempt to stop. */
  asked: boolean;
  ready: boolean;
  /** Milliseconds since 1970 at which an attempt that its liveness probe gave up is killed. */
  giveUpAt?: number;
  probes: { stop(): void }[];
}

/** The kubelet of this machine: runs the container of each pod that is bound to it as a process. */
export class Kubelet {
  readonly #store: Store;
  readonly #state: string;
  readonly #options: NodeOptions;
  readonly #clock: Clock;
  readonly #report: (error: unknown) => void;
  readonly #runs = new Map<string, Run>();
  readonly #pods: Controller;
  readonly #orphans: Orphans;

  constructor(context: ControllerContext, stateDirectory: string, options: NodeOptions) {
    const { store, clock, report } = context;
    this.#store = store;
    this.#state = stateDirectory;
    this.#options = options;
    this.#clock = clock;
    this.#report = report;
    mkdirSync(podsDirectory(stateDirectory), { recursive: true });
    this.#orphans = new Orphans(context, stateDirectory);
    this.#orphans.adopt(new Set(store.list(pods).map((pod) => pod.metadata.uid)));
    const keysOfPod = (pod: Pod, type: string) => {
      if (type !== "DELETED") return [keyOf(pod.metadata)];
      this.#forget(pod);
      this.#orphans.mark(pod.metadata.uid);
      return [];
    };
    const refresh = ({ metadata }: KubernetesObject) => {
      this.#refresh(metadata.namespace);
      return [];
    };
    this.#pods = new Controller(
      context,
      byName((namespace, name) => this.#sync(store.get(pods, namespace, name))),
      [on(pods, keysOfPod), on(secrets, refresh), on(configMaps, refresh)],
    );
  }

  /** Stops looking; the processes keep running, and the next kubelet finds them. */
  stop(): void {
    this.#pods.stop();
    this.#orphans.stop();
    for (const run of this.#runs.values()) for (const probe of run.probes) probe.stop();
  }

  #sync(pod: Pod | undefined): number | undefined {
    if (!pod?.spec.nodeName) return undefined;
    if (isTerminal(pod)) {
      this.#forget(pod);
      if (pod.metadata.deletionTimestamp) this.#store.delete(pods, pod);
      return undefined;
    }
    const attempt = currentAttempt(this.#state, pod);
    const seen = attempt.observe();
    switch (seen.state) {
      case "absent":
        return this.#begin(pod, attempt);
      case "starting":
        return shortPeriod;
      case "running":
        return this.#follow(pod, attempt, seen.startedAt);
      case "ended":
        return this.#conclude(pod, attempt, seen);
    }
  }

  #begin(pod: Pod, attempt: Attempt): number | undefined {
    if (pod.metadata.deletionTimestamp) return attempt.forestall() ? this.#finish(pod, {}) : 0;
    const now = this.#clock.now();
    const backoff = untilRestart(pod, now);
    if (backoff > 0) return backoff;
    if (!pod.status?.podIP) return this.#set(pod, addressed(pod, freeAddress(this.#store.list(pods)), now));
    const run = this.#run(pod);
    if (run.spawned) return shortPeriod;
    try {
      this.#start(pod, attempt, run);
      return shortPeriod;
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error;
      this.#set(pod, waiting(pod, error.reason, error.message, now));
      return pollPeriod;
    }
  }

  #start(pod: Pod, attempt: Attempt, run: Run): void {
    const directory = podDirectory(this.#state, pod);
    const env = environmentOf(this.#store, pod, rootDirectory(directory));
    const cwd = writing(directory, () => {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      return mountVolumes(this.#store, this.#state, directory, pod);
    });
    const { PATH = "/usr/local/bin:/usr/bin:/bin", HOME = directory, LANG = "C.UTF-8" } = process.env;
    const [program = "", ...rest] = pod.spec.containers[0]?.command ?? [];
    attempt.start(
      {
        argv: [this.#options.programs[program] ?? program, ...rest],
        cwd,
        env: { PATH, HOME, LANG, ...this.#options.env, ...env, TANREN_RESULT: attempt.resultPath },
      },
      () => {
        run.spawned = false;
        this.#pods.mark(keyOf(pod.metadata));
      },
      (cause) => {
        run.spawned = false;
        this.#report(new Error(`starting pod ${keyOf(pod.metadata)}: ${cause.message}`, { cause }));
      },
    );
    run.spawned = true;
  }

  #follow(pod: Pod, attempt: Attempt, startedAt: Date): number {
    const run = this.#run(pod);
    if (run.probes.length === 0) this.#probe(pod, run);
    this.#set(pod, running(pod, startedAt, run.ready, this.#clock.now()));
    const { deletionTimestamp } = pod.metadata;
    // The timestamp is cut to whole seconds: one more, so that the grace period is never shortened.
    const killAt = deletionTimestamp ? Date.parse(deletionTimestamp) + 1_000 : run.giveUpAt;
    if (killAt === undefined) return pollPeriod;
    if (!run.asked) attempt.terminate();
    run.asked = true;
    if (this.#clock.now().getTime() >= killAt) attempt.kill();
    return shortPeriod;
  }

  #conclude(pod: Pod, attempt: Attempt, seen: Extract<Observation, { state: "ended" }>): number | undefined {
    if (attempt.members().length > 0) {
      attempt.kill(); // what the program left behind ends with it
      return shortPeriod;
    }
    const terminated = terminatedState(this.#state, pod, seen);
    const { restartPolicy } = pod.spec;
    const restarts =
      restartPolicy === "Always" || (restartPolicy === "OnFailure" && terminated.exitCode !== 0);
    if (!restarts || pod.metadata.deletionTimestamp) return this.#finish(pod, { terminated });
    this.#forget(pod);
    return this.#set(pod, restarting(pod, terminated, this.#clock.now()));
  }

  #finish(pod: Pod, termination: Termination): undefined {
    this.#forget(pod);
    this.#set(pod, ended(pod, termination, this.#clock.now()));
    if (pod.metadata.deletionTimestamp) this.#store.delete(pods, pod);
  }

  #probe(pod: Pod, run: Run): void {
    const { readinessProbe, livenessProbe } = pod.spec.containers[0] ?? {};
    const [address, key] = [pod.status?.podIP ?? "", keyOf(pod.metadata)];
    if (!readinessProbe) run.ready = true;
    else {
      run.probes.push(
        startProbe(readinessProbe, address, this.#clock, (healthy) => {
          run.ready = healthy;
          this.#pods.mark(key);
        }),
      );
    }
    if (!livenessProbe) return;
    run.probes.push(
      startProbe(livenessProbe, address, this.#clock, (healthy) => {
        if (healthy || run.giveUpAt !== undefined) return;
        run.giveUpAt = this.#clock.now().getTime() + pod.spec.terminationGracePeriodSeconds * 1_000;
        this.#pods.mark(key);
      }),
    );
  }

  #refresh(namespace: string): void {
    for (const pod of this.#store.list(pods, { namespace })) {
      if (pod.status?.phase !== "Running") continue;
      try {
        refreshVolumes(this.#store, podDirectory(this.#state, pod), pod);
      } catch (error) {
        // A Secret that is deleted leaves its last files to the pods that have them.
        if (!(error instanceof NotReadyError)) this.#report(error);
      }
    }
  }

  #run(pod: Pod): Run {
    const attempt = restartCount(pod);
    const known = this.#runs.get(pod.metadata.uid);
    if (known?.attempt === attempt) return known;
    // After a restart the last known readiness counts until the first result of a probe.
    const ready = pod.status?.containerStatuses?.[0]?.ready ?? false;
    const run: Run = { attempt, spawned: false, asked: false, ready, probes: [] };
    this.#runs.set(pod.metadata.uid, run);
    return run;
  }

  #forget({ metadata }: Pod): void {
    for (const probe of this.#runs.get(metadata.uid)?.probes ?? []) probe.stop();
    this.#runs.delete(metadata.uid);
  }

  #set(pod: Pod, status: PodStatus): undefined {
    this.#store.updateStatus(pods, { ...pod, status });
  }
}
