import { createHash } from "node:crypto";
import { type Clock, microTimestamp } from "../clock/clock.ts";
import type { KubernetesObject } from "../cluster/objects.ts";
import { firstBytes } from "../cluster/plain-text.ts";
import type { Cluster } from "../cluster/port.ts";
import { events } from "../cluster/resource.ts";
import type { Logger } from "./logger.ts";

/** Something to tell people about an object. */
export interface NewEvent {
  type: "Normal" | "Warning";
  /** One word of the reason vocabulary. */
  reason: string;
  /** A sentence. */
  note: string;
  /** What the controller was doing: Reconcile, Delete. */
  action: string;
}

const quietMilliseconds = 600_000;
const remembered = 4096;
/** Limit of the API server, in bytes. */
const longestNote = 1024;

/**
 * Sends Events. The same thing said again of the same object within ten minutes is said once. An Event that
 * cannot be sent is logged and forgotten: it reports a fact that stands in status already.
 */
export class EventRecorder {
  readonly #cluster: Cluster;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #instance: string;
  readonly #published = new Map<string, number>();

  constructor(parts: { cluster: Cluster; clock: Clock; logger: Logger; instance: string }) {
    this.#cluster = parts.cluster;
    this.#clock = parts.clock;
    this.#logger = parts.logger;
    this.#instance = parts.instance;
  }

  /** Call only after the write of the status that the Events report. */
  async publish(about: KubernetesObject, news: readonly NewEvent[]): Promise<void> {
    for (const event of news) {
      if (!this.#isNews(about, event)) continue;
      try {
        await this.#cluster.apply(events, this.#event(about, event));
      } catch (error) {
        this.#logger.warn(
          { err: error, reason: event.reason, name: about.metadata.name },
          "an Event could not be sent",
        );
      }
    }
  }

  #isNews(about: KubernetesObject, event: NewEvent): boolean {
    const key = `${about.metadata.uid}/${event.reason}/${event.note}`;
    const now = this.#clock.now().getTime();
    const last = this.#published.get(key);
    if (last !== undefined && now - last < quietMilliseconds) return false;
    this.#published.delete(key);
    this.#published.set(key, now);
    const [oldest] = this.#published.keys();
    if (this.#published.size > remembered && oldest !== undefined) this.#published.delete(oldest);
    return true;
  }

  #event(about: KubernetesObject, event: NewEvent) {
    const { namespace, name, uid } = about.metadata;
    const eventTime = microTimestamp(this.#clock.now());
    const hash = createHash("sha256")
      .update(`${uid}/${event.reason}/${event.note}/${eventTime}`)
      .digest("hex");
    return {
      apiVersion: "events.k8s.io/v1" as const,
      kind: "Event" as const,
      metadata: { name: `${name}.${hash.slice(0, 16)}`, namespace },
      type: event.type,
      reason: event.reason,
      action: event.action,
      note: firstBytes(event.note, longestNote),
      regarding: { apiVersion: about.apiVersion, kind: about.kind, namespace, name, uid },
      reportingController: "tanren.dev/operator",
      reportingInstance: this.#instance,
      eventTime,
    };
  }
}
