import type { IncomingMessage } from "node:http";
import type { Clock } from "../../../clock/clock.ts";
import { sleep } from "../../../clock/sleep.ts";
import type { KubernetesObject } from "../../objects.ts";
import type { Resource } from "../../resource.ts";
import type { Call, Connection } from "./connection.ts";
import { errorFor, type RequestInfo, UnreachableError } from "./errors.ts";

/** What of a kind is meant. */
export interface Place {
  namespace?: string;
  name?: string;
  subresource?: "status" | "log";
}

export interface RestOptions {
  connection: Connection;
  clock: Clock;
  random: () => number;
  readTimeoutSeconds?: number;
  /** Told to the server too, so that it commits nothing later than this. */
  writeTimeoutSeconds?: number;
  /** How often a request is made of a server that asks for patience, before the caller hears of it. */
  mostTries?: number;
  /** Called right before every write; throws when this process may no longer write. */
  mayWrite?: () => void;
  /** Told of every answer. */
  answered?: (method: string, code: number) => void;
}

/** What is asked of a resource. */
export interface Request extends Place {
  verb: RequestInfo["verb"];
  resource: Pick<Resource<KubernetesObject>, "apiVersion" | "plural" | "kind">;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

const methods = {
  get: "GET",
  list: "GET",
  watch: "GET",
  create: "POST",
  patch: "PATCH",
  update: "PUT",
  delete: "DELETE",
} as const;

const longestRetryAfterSeconds = 10;

/** JSON requests about resources: patience where the server asks for it, renewed credentials where it refuses, and port errors. */
export class Rest {
  readonly #options: RestOptions;
  #reached = false;

  constructor(options: RestOptions) {
    this.#options = options;
  }

  /** Whether the API server has ever answered: an outage may end by itself, a wrong address does not. */
  get reached(): boolean {
    return this.#reached;
  }

  /** The parsed body of the answer. */
  async json(request: Request): Promise<unknown> {
    const response = await this.open(request);
    return JSON.parse(await this.#readBody(response));
  }

  /** An answer of status 2xx whose body is to be read or destroyed. */
  async open(request: Request): Promise<IncomingMessage> {
    const { clock, random, connection, mostTries = 4 } = this.#options;
    const call = this.#call(request);
    let renewed = false;
    for (let tries = 1; ; tries++) {
      const response = await connection.open(call);
      this.#reached = true;
      const code = response.statusCode ?? 0;
      this.#options.answered?.(call.method, code);
      if (code >= 200 && code < 300) return response;
      const body = await this.#readBody(response);
      if (code === 401 && !renewed) {
        renewed = true;
        connection.credentials.reload();
      } else if (isThrottled(response) && tries < mostTries) {
        await sleep(clock, retryAfterMilliseconds(response, random), request.signal);
      } else {
        throw errorFor(requestInfo(request), code, body);
      }
    }
  }

  #call(request: Request): Call {
    const { readTimeoutSeconds = 30, writeTimeoutSeconds = 30, mayWrite } = this.#options;
    const { verb, resource, query, body, contentType = "application/json", signal } = request;
    const writes = !["get", "list", "watch"].includes(verb);
    return {
      method: methods[verb],
      path: pathOf(resource, request),
      query: { ...query, ...(writes && { timeout: `${writeTimeoutSeconds}s` }) },
      timeoutMilliseconds: (writes ? writeTimeoutSeconds : readTimeoutSeconds) * 1000,
      ...(body !== undefined && { body: JSON.stringify(body), contentType }),
      ...(signal && { signal }),
      ...(writes && mayWrite && { beforeSend: mayWrite }),
    };
  }

  async #readBody(response: IncomingMessage): Promise<string> {
    const { clock, readTimeoutSeconds = 30 } = this.#options;
    const cancel = clock.after(readTimeoutSeconds * 1000, () => {
      response.destroy(new UnreachableError("the API server's answer stopped midway; it is asked again"));
    });
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      return Buffer.concat(chunks).toString("utf8");
    } finally {
      cancel();
    }
  }
}

function requestInfo({ verb, resource, namespace, name, subresource }: Request): RequestInfo {
  const { apiVersion, plural, kind } = resource;
  return {
    verb,
    apiVersion,
    plural,
    kind,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  };
}

/** Both say that the request was turned away unread: 429 always, 503 where it names a time. */
function isThrottled({ statusCode, headers }: IncomingMessage): boolean {
  return statusCode === 429 || (statusCode === 503 && headers["retry-after"] !== undefined);
}

function retryAfterMilliseconds({ headers }: IncomingMessage, random: () => number): number {
  const asked = Number(headers["retry-after"] ?? 1);
  const seconds = Number.isFinite(asked) ? Math.min(Math.max(asked, 0.1), longestRetryAfterSeconds) : 1;
  return seconds * 1000 * (1 + random() / 4);
}

/** Path of a resource in the REST API: /apis/batch/v1/namespaces/team/jobs/a. */
function pathOf(resource: Pick<Resource<KubernetesObject>, "apiVersion" | "plural">, place: Place = {}): string {
  const { namespace, name, subresource } = place;
  const root = resource.apiVersion.includes("/") ? "/apis" : "/api";
  const parts = [
    ...(namespace === undefined ? [] : ["namespaces", namespace]),
    resource.plural,
    ...(name === undefined ? [] : [name]),
    ...(subresource === undefined ? [] : [subresource]),
  ];
  return `${root}/${resource.apiVersion}/${parts.map(encodeURIComponent).join("/")}`;
}

/** An equality-based selector of labels or fields; undefined where there are none. */
export function selectorOf(wanted: Record<string, string> = {}): string | undefined {
  const terms = Object.entries(wanted).map(([key, value]) => `${key}=${value}`);
  return terms.length === 0 ? undefined : terms.join(",");
}
