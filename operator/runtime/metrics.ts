import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { QueueObserver } from "./work-queue.ts";

export type ResultLabel = "success" | "requeue_after" | "error" | "conflict";

/** Metrics in controller-runtime's and client-go's names, so that dashboards made for those work. */
export class Metrics {
  readonly registry = new Registry();
  readonly #reconciles = this.#counter("controller_runtime_reconcile_total", "Reconciles, by result", [
    "controller",
    "result",
  ]);
  readonly #errors = this.#counter("controller_runtime_reconcile_errors_total", "Reconciles that failed", [
    "controller",
  ]);
  readonly #seconds = this.#histogram("controller_runtime_reconcile_time_seconds", "Length of reconciles", [
    "controller",
  ]);
  readonly #active = this.#gauge("controller_runtime_active_workers", "Workers at work", ["controller"]);
  readonly #workers = this.#gauge("controller_runtime_max_concurrent_reconciles", "Workers", ["controller"]);
  readonly #depth = this.#gauge("workqueue_depth", "Keys that wait", ["name"]);
  readonly #adds = this.#counter("workqueue_adds_total", "Keys added", ["name"]);
  readonly #retries = this.#counter("workqueue_retries_total", "Keys added again with backoff", ["name"]);
  readonly #queued = this.#histogram("workqueue_queue_duration_seconds", "Time keys waited", ["name"]);
  readonly #worked = this.#histogram("workqueue_work_duration_seconds", "Time keys were worked on", ["name"]);

  /** The usual series that tells of what the process was built; its value is always 1. */
  build(version: string): void {
    this.#gauge("tanren_build_info", "Version of Tanren, and of Node that it runs on", [
      "version",
      "node",
    ]).set({ version, node: process.versions.node }, 1);
  }

  /** Series of a controller start at 0, so that a rate can be taken of the first increment. */
  controller(controller: string, workers: number) {
    for (const result of ["success", "requeue_after", "error", "conflict"])
      this.#reconciles.inc({ controller, result }, 0);
    this.#errors.inc({ controller }, 0);
    this.#workers.set({ controller }, workers);
    return {
      began: () => this.#active.inc({ controller }),
      ended: (result: ResultLabel, seconds: number) => {
        this.#active.dec({ controller });
        this.#reconciles.inc({ controller, result });
        if (result === "error") this.#errors.inc({ controller });
        this.#seconds.observe({ controller }, seconds);
      },
    };
  }

  queue(name: string): QueueObserver {
    this.#adds.inc({ name }, 0);
    this.#retries.inc({ name }, 0);
    this.#depth.set({ name }, 0);
    return {
      added: () => this.#adds.inc({ name }),
      depth: (waiting) => this.#depth.set({ name }, waiting),
      retried: () => this.#retries.inc({ name }),
      started: (seconds) => this.#queued.observe({ name }, seconds),
      finished: (seconds) => this.#worked.observe({ name }, seconds),
    };
  }

  #counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  #gauge<Label extends string>(name: string, help: string, labelNames: Label[]): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  #histogram<Label extends string>(name: string, help: string, labelNames: Label[]): Histogram<Label> {
    return new Histogram({ name, help, labelNames, registers: [this.registry] });
  }
}
