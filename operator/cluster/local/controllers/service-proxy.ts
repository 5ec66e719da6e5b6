import { connect, createServer, type Server, type Socket } from "node:net";
import type { Clock } from "../../../clock/clock.ts";
import { keyOf } from "../../object-key.ts";
import type { Pod, Service } from "../../objects.ts";
import { pods, services } from "../../resource.ts";
import { carries, type Store } from "../apiserver/store.ts";
import { byName, Controller, type ControllerContext, on } from "../controller.ts";
import { isReady, isTerminal } from "../kubelet/pod-status.ts";

const host = "127.0.0.1";
const retryMilliseconds = 1_000;
const connectMilliseconds = 2_000;

type Port = Service["spec"]["ports"][number];
type IngressPort = { port: number; protocol: "TCP"; error?: string };

/**
 * kube-proxy: every non-headless Service listens on 127.0.0.1 and passes connections on to its ready pods in
 * turn. Where they lead is looked up per connection, so a pod that is being deleted gets no new one; those
 * under way live on.
 */
export function proxyServices(context: ControllerContext): { stop(): void } {
  const { store, clock } = context;
  const listeners = new Map<string, Map<number, Listener>>();
  const sync = byName((namespace, name) => {
    const key = keyOf({ namespace, name });
    const service = store.get(services, namespace, name);
    const ports =
      service && service.spec.clusterIP !== "None" ? service.spec.ports.map(({ port }) => port) : [];
    const open = listeners.get(key) ?? new Map<number, Listener>();
    listeners.set(key, open);
    closeOthers(open, ports);
    for (const port of ports) {
      const addresses = () => route(store, namespace, name, port);
      if (!open.has(port)) open.set(port, new Listener(port, clock, addresses, () => controller.mark(key)));
    }
    if (service && ports.length > 0) publish(store, service, open);
    if (open.size === 0) listeners.delete(key);
    return undefined;
  });
  const controller = new Controller(context, sync, [on(services)]);
  return {
    stop() {
      controller.stop();
      for (const open of listeners.values()) for (const listener of open.values()) listener.close(true);
    },
  };
}

function closeOthers(open: Map<number, Listener>, ports: readonly number[]): void {
  for (const [port, listener] of open) {
    if (ports.includes(port)) continue;
    listener.close();
    open.delete(port);
  }
}

/** Writes where the Service is reached, once that is known of every port. */
function publish(store: Store, service: Service, open: ReadonlyMap<number, Listener>): void {
  if (open.values().some(({ state }) => state === "binding")) return;
  const ports = [...open].map(([port, { state }]): IngressPort => {
    return { port, protocol: "TCP", error: state === "listening" ? undefined : state };
  });
  store.updateStatus(services, { ...service, status: { loadBalancer: { ingress: [{ ip: host, ports }] } } });
}

/** Pods that serve the port now, as `ip:port` addresses. */
function route(store: Store, namespace: string, name: string, port: number): Address[] {
  const spec = store.get(services, namespace, name)?.spec;
  const target = spec?.ports.find((candidate: Port) => candidate.port === port)?.targetPort;
  if (!spec || target === undefined) return [];
  const serves = (pod: Pod) =>
    !pod.metadata.deletionTimestamp && !isTerminal(pod) && (spec.publishNotReadyAddresses || isReady(pod));
  return store
    .list(pods, { namespace })
    .filter((pod) => carries(pod, spec.selector) && serves(pod))
    .flatMap((pod) => (pod.status?.podIP ? [{ host: pod.status.podIP, port: target }] : []));
}

interface Address {
  host: string;
  port: number;
}

/** One bound port. While another program holds it, binding is tried again every second. */
class Listener {
  state: "binding" | "listening" | "PortInUse" | "PortNotAllowed" = "binding";
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #turn = 0;
  #cancelRetry = () => {};

  constructor(port: number, clock: Clock, addresses: () => Address[], onState: () => void) {
    // The client may close its half first and still wait for the answer.
    this.#server = createServer({ allowHalfOpen: true }, (client) => {
      this.#sockets.add(client.on("close", () => this.#sockets.delete(client)));
      const all = addresses();
      const first = this.#turn++ % Math.max(1, all.length);
      forward(client, [...all.slice(first), ...all.slice(0, first)]);
    });
    const listen = () => this.#server.listen(port, host);
    this.#server.on("listening", () => {
      this.state = "listening";
      onState();
    });
    this.#server.on("error", ({ code }: NodeJS.ErrnoException) => {
      this.state = code === "EADDRINUSE" ? "PortInUse" : "PortNotAllowed";
      this.#cancelRetry = clock.after(retryMilliseconds, listen);
      onState();
    });
    listen();
  }

  /** Takes no new connections; those under way end by themselves unless they are cut. */
  close(cut = false): void {
    this.#cancelRetry();
    this.#server.close();
    if (cut) for (const socket of this.#sockets) socket.destroy();
  }
}

/** Joins the client with the first address that answers, or hangs up. */
function forward(client: Socket, [address, ...others]: Address[]): void {
  client.on("error", () => client.destroy());
  if (!address) {
    client.resetAndDestroy();
    return;
  }
  const upstream = connect({ ...address, allowHalfOpen: true });
  upstream.setTimeout(connectMilliseconds, () => upstream.destroy(new Error("no answer")));
  const next = () => forward(client, others);
  upstream.once("error", next);
  upstream.once("connect", () => {
    if (client.destroyed) upstream.destroy();
    upstream.off("error", next).on("error", () => client.destroy());
    upstream.setTimeout(0);
    client.on("close", () => upstream.destroy());
    client.pipe(upstream);
    upstream.pipe(client);
  });
}
