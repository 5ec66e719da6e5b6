import { Agent, type IncomingMessage, request } from "node:http";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import type { KubernetesObject, Wanted } from "../../objects.ts";
import {
  type Cluster,
  ClusterError,
  type DeleteOptions,
  type ListFilter,
  type ListSelection,
  type LogOptions,
  type Watch,
  type WatchEvent,
} from "../../port.ts";
import { pods, type Resource } from "../../resource.ts";
import { type Answer, fromWire, openSocketPath, type syncedLine } from "./protocol.ts";

export interface LocalConnection extends Cluster {
  /** Tells until it is closed what keeps the operator's cluster from its work. */
  onTrouble(listener: (sentence: string) => void): void;
  close(): void;
}

const lostMessage = "the operator has ended, so the cluster can no longer be watched; start it and try again";

/**
 * The cluster of the operator that runs on this state directory; undefined when none does. Should the
 * operator end while a watch is open, `onLost` is called; without one the error is thrown for the process to
 * end with.
 */
export async function connectLocal(
  stateDirectory: string,
  onLost: (error: Error) => void = (error) => queueMicrotask(() => raise(error)),
): Promise<LocalConnection | undefined> {
  let socket: ReturnType<typeof openSocketPath>;
  try {
    socket = openSocketPath(resolve(stateDirectory));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
  const client = new SocketClient(socket, onLost);
  try {
    await client.get(pods, "default", "none");
    return client;
  } catch (error) {
    client.close();
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/**
 * A reset: the operator was killed as it was asked, or a process that it was starting held its socket a
 * moment longer.
 */
function isAbsent(error: unknown): boolean {
  const { code } = (error instanceof ClusterError ? error.cause : error) as NodeJS.ErrnoException;
  return ["ENOENT", "ECONNREFUSED", "ECONNRESET", "EPIPE"].includes(code ?? "");
}

function raise(error: Error): never {
  throw error;
}

class SocketClient implements LocalConnection {
  readonly #socket: { path: string; close(): void };
  readonly #onLost: (error: Error) => void;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #closing = new AbortController();

  constructor(socket: { path: string; close(): void }, onLost: (error: Error) => void) {
    this.#socket = socket;
    this.#onLost = onLost;
  }

  get<T extends KubernetesObject>(
    resource: Resource<T>,
    namespace: string,
    name: string,
  ): Promise<T | undefined> {
    return this.#call("get", [resource, namespace, name]);
  }

  list<T extends KubernetesObject>(resource: Resource<T>, selection: ListSelection = {}): Promise<T[]> {
    return this.#call("list", [resource, selection]);
  }

  apply<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T> {
    return this.#call("apply", [resource, wanted]);
  }

  patchSpec<T extends KubernetesObject>(
    resource: Resource<T>,
    { metadata }: Pick<T, "metadata">,
    changes: Readonly<Record<string, unknown>>,
  ): Promise<T> {
    return this.#call("patchSpec", [resource, { metadata }, changes]);
  }

  create<T extends KubernetesObject>(resource: Resource<T>, wanted: Wanted<T>): Promise<T> {
    return this.#call("create", [resource, wanted]);
  }

  updateStatus<T extends KubernetesObject>(resource: Resource<T>, object: T): Promise<T> {
    return this.#call("updateStatus", [resource, object]);
  }

  setFinalizer<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    finalizer: string,
    present: boolean,
  ): Promise<T | undefined> {
    return this.#call("setFinalizer", [resource, object, finalizer, present]);
  }

  delete<T extends KubernetesObject>(
    resource: Resource<T>,
    { metadata }: Pick<T, "metadata">,
    options: DeleteOptions = {},
  ): Promise<void> {
    return this.#call("delete", [resource, { metadata }, options]);
  }

  watch<T extends KubernetesObject>(
    resource: Resource<T>,
    filter: ListFilter,
    onEvent: (event: WatchEvent<T>) => void,
  ): Watch {
    const abort = new AbortController();
    const { promise: synced, resolve: sync, reject } = Promise.withResolvers<void>();
    const read = async () => {
      for await (const line of this.#lines("watch", [resource, filter], abort.signal)) {
        if (abort.signal.aborted) return;
        const message = line as WatchEvent<T> | typeof syncedLine;
        if ("synced" in message) sync();
        else onEvent(message);
      }
      throw new ClusterError(lostMessage);
    };
    read().catch((error: Error) => {
      if (abort.signal.aborted) return sync();
      reject(error);
      this.#onLost(error);
    });
    synced.catch(() => {}); // onLost gets it too
    return { synced, close: () => abort.abort() };
  }

  async *logs(namespace: string, pod: string, { signal, ...options }: LogOptions): AsyncIterable<string> {
    const abort = new AbortController();
    signal?.addEventListener("abort", () => abort.abort());
    try {
      for await (const line of this.#lines("logs", [namespace, pod, options], abort.signal)) {
        const answer = line as Answer;
        if ("error" in answer) throw fromWire(answer.error);
        yield answer.value as string;
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
    } finally {
      abort.abort();
    }
  }

  onTrouble(listener: (sentence: string) => void): void {
    const listen = async () => {
      for await (const line of this.#lines("trouble", [], this.#closing.signal)) {
        const answer = line as Answer;
        // An operator of an earlier version has no such method, and tells of no trouble.
        if (!("error" in answer)) listener(answer.value as string);
      }
    };
    // That the operator has ended is told by its watches.
    listen().catch(() => {});
  }

  close(): void {
    this.#closing.abort();
    this.#agent.destroy();
    this.#socket.close();
  }

  async #call<Value>(method: string, input: unknown[]): Promise<Value> {
    const text = await this.#ask(method, input).catch((error: unknown) => {
      // A kept connection may close under a question; what only reads is asked again.
      if (isAbsent(error) && (method === "get" || method === "list")) return this.#ask(method, input);
      throw error;
    });
    const answer: Answer = JSON.parse(text);
    if ("error" in answer) throw fromWire(answer.error);
    return answer.value as Value;
  }

  async #ask(method: string, input: unknown[]): Promise<string> {
    const response = await this.#post(method, input);
    try {
      return (await response.setEncoding("utf8").toArray()).join("");
    } catch (cause) {
      throw isAbsent(cause) ? new ClusterError(lostMessage, { cause }) : cause;
    }
  }

  async *#lines(method: string, input: unknown[], signal: AbortSignal): AsyncIterable<unknown> {
    const response = await this.#post(method, input, signal);
    // Once nobody iterates any more, nobody else hears that it was aborted.
    response.on("error", () => {});
    const lines = createInterface({ input: response });
    // It passes on what the response meets, also to nobody.
    lines.on("error", () => {});
    try {
      for await (const line of lines) yield JSON.parse(line);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ECONNRESET")
        throw new ClusterError(lostMessage, { cause });
      throw cause;
    }
    if (!response.complete) throw new ClusterError(lostMessage);
  }

  #post(method: string, input: unknown[], signal?: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const options = {
        socketPath: this.#socket.path,
        agent: this.#agent,
        method: "POST",
        path: `/${method}`,
        signal,
      };
      // An operator that ends takes its connections along, whatever was asked of it.
      const fail = (cause: Error) =>
        reject(isAbsent(cause) ? new ClusterError(lostMessage, { cause }) : cause);
      request(options, resolve).on("error", fail).end(JSON.stringify(input));
    });
  }
}
