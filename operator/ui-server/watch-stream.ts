import { type Clock, systemClock } from "../clock/clock.ts";
import type { KubernetesObject } from "../cluster/objects.ts";
import type { ListFilter, Watch, WatchEvent } from "../cluster/port.ts";
import type { Resource } from "../cluster/resource.ts";
import type { WatchLine } from "./contract.ts";
import { asHttpError, HttpError } from "./http-error.ts";
import { type View, type ViewedObject, viewedResources } from "./view.ts";

/**
 * All objects of the six kinds in one stream of lines. A reader that is slower than the cluster is told the
 * newest state of an object only: what waits for it is at most one line of each object.
 */

const heartbeatMilliseconds = 15_000;

/**
 * Where lines go. `write` is false when the reader is behind; `onDrain` is called when it is not any more.
 */
export interface LineSink {
  write(text: string): boolean;
  onDrain(call: () => void): void;
  /** Ends the stream with what went wrong, before or after its first line. */
  fail(error: unknown): void;
}

/** Returns what ends it. */
export function streamObjects(
  view: View,
  filter: ListFilter,
  sink: LineSink,
  clock: Clock = systemClock,
): () => void {
  return new WatchStream(view, filter, sink, clock).close;
}

class WatchStream {
  readonly #sink: LineSink;
  readonly #clock: Clock;
  /** By UID of the object, or by what else the line is about. */
  readonly #waiting = new Map<string, WatchLine>();
  readonly #watches: Watch[] = [];
  readonly #stopLooking: () => void;
  #cancelHeartbeat = () => {};
  #isBehind = false;
  #closed = false;

  constructor(view: View, filter: ListFilter, sink: LineSink, clock: Clock) {
    this.#sink = sink;
    this.#clock = clock;
    sink.onDrain(() => {
      this.#isBehind = false;
      this.#flush();
    });
    this.#stopLooking = view.onChange((message) => this.#fail(new HttpError(502, message)));
    this.#beat();
    void this.#tellAll(view, filter);
  }

  readonly close = (): void => {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelHeartbeat();
    this.#stopLooking();
    for (const watch of this.#watches) watch.close();
  };

  async #tellAll(view: View, filter: ListFilter): Promise<void> {
    await Promise.all(
      viewedResources.map(async (resource) => {
        try {
          await this.#tellKind(view, resource, filter);
        } catch (error) {
          const known = asHttpError(error);
          // Without one kind there is something to see; without the cluster there is nothing, and no present
          // state.
          if (known?.status !== 403) return this.#fail(error);
          this.#send(resource.kind, { type: "ERROR", message: known.message, kind: resource.kind });
        }
      }),
    );
    this.#send("synced", { type: "SYNCED" });
  }

  #fail(error: unknown): void {
    if (this.#closed) return;
    this.close();
    this.#sink.fail(error);
  }

  async #tellKind({ cluster }: View, resource: Resource<ViewedObject>, filter: ListFilter): Promise<void> {
    if (cluster.watch === undefined) {
      for (const object of await cluster.list(resource, filter)) this.#tell({ type: "ADDED", object });
      return;
    }
    const watch = cluster.watch(resource, filter, (event) => this.#tell(event));
    this.#watches.push(watch);
    if (this.#closed) watch.close();
    await watch.synced;
  }

  #tell({ type, object }: WatchEvent<KubernetesObject>): void {
    const before = this.#waiting.get(object.metadata.uid)?.type;
    // It was never told that the object is there.
    const told = type === "MODIFIED" && before === "ADDED" ? "ADDED" : type;
    this.#send(object.metadata.uid, { type: told, object } as WatchLine);
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#clock.after(heartbeatMilliseconds, () => {
      this.#send("heartbeat", { type: "HEARTBEAT" });
      this.#beat();
    });
  }

  #send(key: string, line: WatchLine): void {
    if (this.#closed) return;
    this.#waiting.delete(key);
    this.#waiting.set(key, line);
    this.#flush();
  }

  #flush(): void {
    for (const [key, line] of this.#waiting) {
      if (this.#isBehind || this.#closed) return;
      this.#waiting.delete(key);
      this.#isBehind = !this.#sink.write(`${JSON.stringify(line)}\n`);
    }
  }
}
