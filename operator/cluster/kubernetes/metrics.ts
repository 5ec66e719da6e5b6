import { Counter, Gauge, type Registry } from "prom-client";
import type { ReflectorHealth } from "./cache/reflector.ts";
import type { CallsHealth } from "./client/calls-in-flight.ts";

/** Metrics of what goes to and comes from the API server, in client-go's names where it has them. */
export class KubernetesMetrics {
  readonly #requests: Counter<"code" | "method">;

  constructor(
    registry: Registry,
    parts: {
      isLeader: () => boolean;
      watches: () => readonly ReflectorHealth[];
      /** Undefined until there is a connection. */
      calls: () => CallsHealth | undefined;
    },
  ) {
    this.#requests = new Counter({
      name: "rest_client_requests_total",
      help: "Requests to the API server, by method and status code",
      labelNames: ["code", "method"],
      registers: [registry],
    });
    new Gauge({
      name: "leader_election_master_status",
      help: "Whether this process holds the leader's lease",
      registers: [registry],
      collect() {
        this.set(parts.isLeader() ? 1 : 0);
      },
    });
    const ofCalls = (name: string, help: string, value: (calls: CallsHealth) => number) =>
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          const calls = parts.calls();
          if (calls) this.set(value(calls));
        },
      });
    ofCalls(
      "tanren_api_calls_in_flight",
      "Calls to the API server under way, watches aside",
      (calls) => calls.inFlight,
    );
    ofCalls(
      "tanren_api_calls_limit",
      "Calls that may be under way, by how fast they are answered",
      (calls) => calls.limit,
    );
    ofCalls(
      "tanren_api_calls_waiting",
      "Calls that wait until others have been answered",
      (calls) => calls.waiting,
    );
    const perWatch = (name: string, help: string, value: (health: ReflectorHealth) => number) =>
      new Gauge({
        name,
        help,
        labelNames: ["resource"],
        registers: [registry],
        collect() {
          for (const health of parts.watches()) this.set({ resource: health.plural }, value(health));
        },
      });
    perWatch(
      "tanren_watch_silence_seconds",
      "Time since the API server last said anything in a watch",
      (watch) => Math.max(0, watch.secondsSinceContact),
    );
    perWatch(
      "tanren_watch_failures",
      "Lists and watches that failed since the start",
      (watch) => watch.failures,
    );
    perWatch("tanren_watch_objects", "Objects held in memory", (watch) => watch.objects);
  }

  answered(method: string, code: number): void {
    this.#requests.inc({ method, code: String(code) });
  }
}
