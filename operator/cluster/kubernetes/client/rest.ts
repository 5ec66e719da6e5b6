import type { IncomingMessage } from "node:http";
import type { Clock } from "../../../clock/clock.ts";
import { sleep } from "../../../clock/sleep.ts";
import { type Attributes, inPart } from "../../../tracing/spans.ts";
import type { KubernetesObject } from "../../objects.ts";
import type { Resource } from "../../resource.ts";
import type { CallsInFlight } from "./calls-in-flight.ts";
import type { Call, Connection } from "./connection.ts";
import {
  CutOffError,
  errorFor,
  foreignError,
  isRedirect,
  isWebPage,
  parseJson,
  type RequestInfo,
  UnreachableError,
} from "./errors.ts";

/** Which part of a kind a request is about. */
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
  /** Sent to the server too, so that it commits nothing later than this. */
  writeTimeoutSeconds?: number;
  /** How often a request is sent to a server that asks to retry later, or that cuts its response off. */
  mostTries?: number;
  /** Called right before every write; throws when this process may no longer write. */
  mayWrite?: () => void;
  /** Called for every response. */
  answered?: (method: string, code: number) => void;
  /** Where calls wait until the server has room for them; absent: they do not. */
  calls?: CallsInFlight;
}

/** One request about a resource. */
export interface Request extends Place {
  verb: RequestInfo["verb"];
  resource: Pick<Resource<KubernetesObject>, "apiVersion" | "plural" | "kind" | "clusterScoped">;
  query?: Record<string, string | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
}

interface Exchange {
  response: IncomingMessage;
  /** Empty of a stream. */
  body: string;
  /** Seconds, where the server asks to wait. */
  retryAfter?: number;
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

/** A server that asks for more is not waited for: the caller hears when to come back. */
const longestRetryAfterSeconds = 30;

/**
 * JSON requests about resources, with the retries that are safe for every caller, and errors that say what
 * answered.
 */
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

  /**
   * The parsed body. A read whose body is cut off is sent again; a write is not, for it may have taken
   * effect.
   */
  json(request: Request): Promise<unknown> {
    return inPart(
      () => spanOf(request),
      () => this.#json(request),
    );
  }

  async #json(request: Request): Promise<unknown> {
    const { clock, random, mostTries = 4 } = this.#options;
    for (let tries = 1; ; tries++) {
      try {
        const { response, body } = await this.#exchange(request, { stream: false });
        return parseJson(body) ?? this.#raiseForeign(request, response, body);
      } catch (error) {
        if (!(error instanceof CutOffError) || isWrite(request) || tries >= mostTries) throw error;
      }
      await sleep(clock, 1000 * jitter(random), request.signal);
    }
  }

  /** A response of status 2xx whose body is to be read or destroyed: a stream, which no limit counts. */
  async open(request: Request): Promise<IncomingMessage> {
    return (await this.#exchange(request, { stream: true })).response;
  }

  /** A response of status 2xx, with its body unless that is a stream. */
  async #exchange(request: Request, { stream }: { stream: boolean }): Promise<Exchange> {
    const { clock, random, connection, mostTries = 4 } = this.#options;
    const call = this.#call(request);
    let renewed = false;
    for (let tries = 1; ; tries++) {
      const exchange = await (stream ? this.#send(request, call, stream) : this.#sendInTurn(request, call));
      const { response, body, retryAfter } = exchange;
      const code = response.statusCode ?? 0;
      if (isOk(code) && !isWebPage(response)) {
        this.#reached = true;
        return exchange;
      }
      const canWait = retryAfter !== undefined && retryAfter <= longestRetryAfterSeconds && tries < mostTries;
      if (code === 401 && !renewed) {
        renewed = true;
        connection.credentials.reload();
      } else if (canWait) {
        await sleep(clock, retryAfter * 1000 * jitter(random), request.signal);
      } else if (isOk(code) || isRedirect(code) || isWebPage(response, body)) {
        this.#raiseForeign(request, response, body);
      } else {
        this.#reached = true;
        throw errorFor(requestInfo(request), { code, body, retryAfter });
      }
    }
  }

  /** The place is given back between two tries: who waits for Retry-After is in nobody's way. */
  async #sendInTurn(request: Request, call: Call): Promise<Exchange> {
    const { namespace = "", verb, signal } = request;
    const end = await this.#options.calls?.enter(namespace, signal);
    const isList = verb === "list";
    try {
      const exchange = await this.#send(request, call, false);
      const { response, retryAfter } = exchange;
      const refused = [429, 503, 504].includes(response.statusCode ?? 0);
      const retryAfterSeconds = retryAfter && Math.min(retryAfter, longestRetryAfterSeconds);
      end?.({ refused, retryAfterSeconds, isList });
      return exchange;
    } catch (error) {
      end?.({ refused: error instanceof UnreachableError, isList });
      throw error;
    }
  }

  async #send(request: Request, call: Call, stream: boolean): Promise<Exchange> {
    const { connection, clock, answered } = this.#options;
    const response = await connection.open(call);
    const code = response.statusCode ?? 0;
    answered?.(call.method, code);
    const isStream = stream && isOk(code) && !isWebPage(response);
    const body = isStream ? "" : await this.#readBody(request, response);
    return { response, body, retryAfter: retryAfterSeconds(response, clock.now()) };
  }

  #call(request: Request): Call {
    const { readTimeoutSeconds = 30, writeTimeoutSeconds = 30, mayWrite } = this.#options;
    const { verb, resource, query, body, contentType = "application/json", signal } = request;
    const writes = isWrite(request);
    return {
      method: methods[verb],
      path: pathOf(resource, request),
      query: writes ? { ...query, timeout: `${writeTimeoutSeconds}s` } : query,
      timeoutMilliseconds: (writes ? writeTimeoutSeconds : readTimeoutSeconds) * 1000,
      body: body === undefined ? undefined : JSON.stringify(body),
      contentType,
      signal,
      beforeSend: writes ? mayWrite : undefined,
    };
  }

  /**
   * The whole body; given up when nothing of it arrives for the read timeout, however long it takes in all.
   */
  async #readBody(request: Request, response: IncomingMessage): Promise<string> {
    const { clock, readTimeoutSeconds = 30 } = this.#options;
    const what = `the response of ${this.#options.connection.credentials.server} to ${this.#line(request)}`;
    const stall = () =>
      response.destroy(
        new UnreachableError(`${what} stopped: nothing more came for ${readTimeoutSeconds} s`),
      );
    let cancel = clock.after(readTimeoutSeconds * 1000, stall);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) {
        chunks.push(chunk);
        cancel();
        cancel = clock.after(readTimeoutSeconds * 1000, stall);
      }
    } catch (error) {
      if (error instanceof UnreachableError || (error as Error).name === "AbortError") throw error;
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
      const doubt = isWrite(request) ? "; whether it took effect is not known, so read the object again" : "";
      throw new CutOffError(`${what} was cut off after ${bytes} bytes${doubt}`);
    } finally {
      cancel();
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  #raiseForeign(request: Request, response: IncomingMessage, body: string): never {
    const { statusCode: code = 0, headers } = response;
    const { server } = this.#options.connection.credentials;
    throw foreignError(server, this.#line(request), { code, body, location: headers.location });
  }

  #line(request: Request): string {
    return `${methods[request.verb]} ${pathOf(request.resource, request)}`;
  }
}

const isOk = (code: number) => code >= 200 && code < 300;

function spanOf(request: Request): { name: string; attributes: Attributes } {
  const { verb, resource, namespace, name, subresource } = request;
  const what = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
  const attributes = {
    "http.request.method": methods[verb],
    "url.path": pathOf(resource, request),
    "k8s.namespace.name": namespace,
    "tanren.name": name,
  };
  return { name: `${verb} ${what}`, attributes };
}

function isWrite({ verb }: Request): boolean {
  return !["get", "list", "watch"].includes(verb);
}

function requestInfo({ verb, resource, namespace, name, subresource }: Request): RequestInfo {
  const { apiVersion, plural, kind } = resource;
  return { verb, apiVersion, plural, kind, namespace, name, subresource };
}

/** Up to a quarter more, so that clients do not come back all at once. */
function jitter(random: () => number): number {
  return 1 + random() / 4;
}

/**
 * The wait that the server asks for, in seconds or as a date (RFC 9110, 10.2.3), where the request was turned
 * away unread: 429 always, 503 where it names a time. Undefined elsewhere.
 */
function retryAfterSeconds({ statusCode, headers }: IncomingMessage, now: Date): number | undefined {
  const header = headers["retry-after"];
  if (statusCode !== 429 && (statusCode !== 503 || header === undefined)) return undefined;
  const sent = Date.parse(headers.date ?? "") || now.getTime();
  const seconds = /^\d+$/.test(header ?? "1")
    ? Number(header ?? 1)
    : (Date.parse(header ?? "") - sent) / 1000;
  return Number.isFinite(seconds) ? Math.max(seconds, 0.1) : 1;
}

/** Path of a resource in the REST API: /apis/batch/v1/namespaces/team/jobs/a. */
function pathOf(
  resource: Pick<Resource<KubernetesObject>, "apiVersion" | "plural" | "clusterScoped">,
  place: Place = {},
): string {
  const { namespace, name, subresource } = place;
  const root = resource.apiVersion.includes("/") ? "/apis" : "/api";
  const parts = [
    ...(namespace === undefined || resource.clusterScoped ? [] : ["namespaces", namespace]),
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
