import { createServer } from "node:net";
import { join } from "node:path";
import type { ApiClient } from "./api-client.ts";
import { type AuditLog, type Call, isCreated } from "./audit-log.ts";
import type { Candidate } from "./candidates.ts";
import { reconciling } from "./figures.ts";
import { NotConvergedError, Objects } from "./objects.ts";
import { type Memory, OperatorProcess } from "./operator-process.ts";
import { makePlace, type Place } from "./place.ts";

export interface Laboratory {
  api: ApiClient;
  audit: AuditLog;
  /** For kubeconfigs and logs. */
  directory: string;
}

/** A start that takes longer than this is a result of its own. */
export const longestStartSeconds = 300;

export interface Started {
  /**
   * From the start of the process until an object that waited for it was seen to; null: it was not, in
   * `longestStartSeconds`.
   */
  seconds: number | null;
  /** Name of the object that waited. */
  waiting: string;
}

/** One candidate at a place of its own, started and stopped and looked at from outside. */
export class Subject {
  readonly candidate: Candidate;
  readonly place: Place;
  readonly objects: Objects;
  readonly #laboratory: Laboratory;
  readonly #metricsPort: number;
  #process: OperatorProcess | undefined;
  #starts = 0;

  private constructor(
    laboratory: Laboratory,
    candidate: Candidate,
    place: Place,
    objects: Objects,
    metricsPort: number,
  ) {
    this.#laboratory = laboratory;
    this.candidate = candidate;
    this.place = place;
    this.objects = objects;
    this.#metricsPort = metricsPort;
  }

  static async settle(laboratory: Laboratory, candidate: Candidate, namespace: string): Promise<Subject> {
    const { api, directory } = laboratory;
    const place = await makePlace(api, directory, namespace, candidate.rules);
    for (const { path, object } of candidate.before ?? [])
      await api.send("POST", path.replace("NAMESPACE", namespace), object);
    const objects = await Objects.follow(api, candidate.workload, namespace);
    return new Subject(laboratory, candidate, place, objects, await freePort());
  }

  /**
   * Starts the process with one new object waiting for it, the last of the list, beside those that exist and
   * are converged.
   */
  async start(): Promise<Started> {
    const { audit, directory } = this.#laboratory;
    const waiting = `zz-start-${this.#starts++}`;
    await this.objects.createAtOnce([waiting]);
    const mark = audit.mark();
    const command = this.candidate.command(this.place, this.#metricsPort);
    const process = new OperatorProcess(command, join(directory, `${this.place.namespace}.log`));
    this.#process = process;
    try {
      await process.alive(this.objects.converged([waiting], longestStartSeconds));
    } catch (error) {
      if (error instanceof NotConvergedError) return { seconds: null, waiting };
      throw error;
    }
    const seen = await this.#firstEffect(waiting, mark);
    return { seconds: (seen.at - process.startedAt) / 1000, waiting };
  }

  /** Resolves once all the named objects are as they must be in the end. */
  async converged(names: readonly string[], timeoutSeconds: number): Promise<void> {
    const process = this.#running();
    try {
      await process.alive(this.objects.converged(names, timeoutSeconds));
    } catch (error) {
      throw new Error(
        `${this.candidate.name}: ${(error as Error).message}; the end of its log: ${process.tail()}`,
      );
    }
  }

  /** A watch may tell of a write before the audit log does. */
  async #firstEffect(name: string, mark: number): Promise<Call> {
    for (let tries = 0; tries < 100; tries++) {
      const found = this.calls(mark).find(
        (call) => this.candidate.workload.isFirstEffect(call) && call.name === name,
      );
      if (found !== undefined) return found;
      await sleep(0.1);
    }
    throw new Error(`the audit log does not tell when ${name} was seen to`);
  }

  async stop(): Promise<void> {
    await this.#running().stop();
    this.#process = undefined;
  }

  /** Ends what may run, whatever state it is in. */
  async leave(): Promise<void> {
    this.objects.close();
    await this.#process?.stop();
  }

  memory(): Memory {
    return this.#running().memory();
  }

  cpuSeconds(): number {
    return this.#running().cpuSeconds();
  }

  mark(): number {
    return this.#laboratory.audit.mark();
  }

  /** Calls of this operator since a mark. */
  calls(mark: number): Call[] {
    return this.#laboratory.audit.since(mark).filter(({ user }) => user === this.place.user);
  }

  /** Calls of this operator since a mark, and the bench's creations of its objects. */
  callsAndCreations(mark: number): Call[] {
    const { place, candidate } = this;
    const mine = (call: Call) =>
      call.namespace === place.namespace && isCreated(call, candidate.workload.plural);
    return this.#laboratory.audit.since(mark).filter((call) => call.user === place.user || mine(call));
  }

  /** Resolves once the operator has sent nothing that reconciles for two seconds. */
  async quiet(timeoutSeconds = 120): Promise<void> {
    const end = Date.now() + timeoutSeconds * 1000;
    for (let mark = this.mark(); ; mark = this.mark()) {
      await this.#running().alive(sleep(2));
      if (reconciling(this.calls(mark)).length === 0) return;
      if (Date.now() > end)
        throw new Error(`${this.candidate.name} still sends requests after ${timeoutSeconds} s`);
    }
  }

  /** Has every object queued again and waits until so many reconciles have ended. */
  async resync(objects: number, timeoutSeconds = 120): Promise<number> {
    const before = await this.#reconciles();
    this.#running().signal("SIGUSR1");
    const end = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      await sleep(0.2);
      const done = (await this.#reconciles()) - before;
      if (done >= objects) return done;
      if (Date.now() > end)
        throw new Error(`${this.candidate.name}: ${done} of ${objects} resyncs in ${timeoutSeconds} s`);
    }
  }

  async #reconciles(): Promise<number> {
    const answer = await fetch(`http://127.0.0.1:${this.#metricsPort}/metrics`);
    const samples = (await answer.text()).matchAll(/^controller_runtime_reconcile_total\{[^}]*\} (\S+)/gm);
    return samples.reduce((sum, [, value]) => sum + Number(value), 0);
  }

  #running(): OperatorProcess {
    if (this.#process === undefined) throw new Error(`${this.candidate.name} is not running`);
    return this.#process;
  }
}

export const sleep = (seconds: number) => new Promise<void>((resolve) => setTimeout(resolve, seconds * 1000));

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
