import type { ApiClient } from "./api-client.ts";
import type { Workload } from "./workload.ts";

/** Objects are not as they must be in the end, though there was time enough. */
export class NotConvergedError extends Error {}

/** The objects of a workload in one namespace: makes them, follows them, and knows which are converged. */
export class Objects {
  readonly #api: ApiClient;
  readonly #workload: Workload;
  readonly #path: string;
  readonly #converged = new Set<string>();
  readonly #listeners = new Set<(name: string) => void>();
  #watch: { close(): void } | undefined;

  private constructor(api: ApiClient, workload: Workload, namespace: string) {
    this.#api = api;
    this.#workload = workload;
    this.#path = `/apis/${workload.apiVersion}/namespaces/${namespace}/${workload.plural}`;
  }

  static async follow(api: ApiClient, workload: Workload, namespace: string): Promise<Objects> {
    const objects = new Objects(api, workload, namespace);
    objects.#watch = await api.watch(objects.#path, (object) => {
      if (!workload.isConverged(object)) return;
      const { name } = object.metadata;
      objects.#converged.add(name);
      for (const listener of objects.#listeners) listener(name);
    });
    return objects;
  }

  /** Makes them as fast as the API server takes them from sixteen hands. */
  async createAtOnce(names: readonly string[]): Promise<void> {
    const left = names.values();
    const hands = Array.from({ length: 16 }, async () => {
      for (const name of left) await this.#create(name);
    });
    await Promise.all(hands);
  }

  /** Makes them one after another, so many a second. */
  async createPaced(names: readonly string[], perSecond: number): Promise<void> {
    const began = performance.now();
    for (const [at, name] of names.entries()) {
      const wait = began + (at * 1000) / perSecond - performance.now();
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, wait)));
      await this.#create(name);
    }
  }

  /** Resolves once all the named ones are converged. */
  async converged(names: readonly string[], timeoutSeconds: number): Promise<void> {
    const left = new Set(names).difference(this.#converged);
    if (left.size === 0) return;
    const inTime = await new Promise<boolean>((resolve) => {
      const end = (reached: boolean) => {
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve(reached);
      };
      const listener = (name: string) => {
        if (left.delete(name) && left.size === 0) end(true);
      };
      const timer = setTimeout(() => end(false), timeoutSeconds * 1000);
      this.#listeners.add(listener);
    });
    if (inTime) return;
    const [name = ""] = left;
    const { body } = await this.#api.send("GET", `${this.#path}/${name}`);
    throw new NotConvergedError(
      `after ${timeoutSeconds} s ${left.size} of ${names.length} objects are not converged, ` +
        `e.g. ${this.#path}/${name} with status ${JSON.stringify(body.status ?? {})}`,
    );
  }

  close(): void {
    this.#watch?.close();
  }

  async #create(name: string): Promise<void> {
    const { apiVersion, kind, spec } = this.#workload;
    await this.#api.send("POST", this.#path, { apiVersion, kind, metadata: { name }, spec });
  }
}
