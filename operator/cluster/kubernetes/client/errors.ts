import type { IncomingMessage } from "node:http";
import {
  ClusterError,
  ConflictError,
  ForbiddenError,
  InvalidError,
  NotFoundError,
  UnknownKindError,
} from "../../port.ts";

/** What a request asks for, in the words of its error. */
export interface RequestInfo {
  verb: "get" | "list" | "watch" | "create" | "patch" | "update" | "delete";
  apiVersion: string;
  plural: string;
  kind: string;
  namespace?: string;
  name?: string;
  subresource?: string;
}

/** The API server cannot be reached, or does not answer. */
export class UnreachableError extends ClusterError {}

/** The response ended before its body did. */
export class CutOffError extends UnreachableError {}

/** Something else answers at the API server's address: a proxy, a load balancer, a login page. */
export class NotApiServerError extends ClusterError {}

/** The API server asks to wait for longer than a request waits by itself. */
export class ThrottledError extends ClusterError {
  readonly retryAfterSeconds: number;

  constructor(message: string, retryAfterSeconds: number) {
    super(`${message}; it asks to wait ${Math.ceil(retryAfterSeconds)} s`);
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** The API server does not know who is asking. */
export class UnauthorizedError extends ClusterError {}

/**
 * A watch or a page of a list asks for a time that the API server no longer keeps; the answer is a new list.
 */
export class ExpiredError extends Error {}

/** The fields of metav1.Status that are read here. */
interface Status {
  message: string;
  reason: string;
  details: {
    name?: string;
    kind?: string;
    retryAfterSeconds?: number;
    causes?: { field?: string; message?: string; reason?: string }[];
  };
}

/** A response outside 2xx, or the Status that ends a watch. */
export interface Refusal {
  code: number;
  body: string;
  /** Seconds, where the server asks to wait. */
  retryAfter?: number;
}

export function errorFor(request: RequestInfo, { code, body, retryAfter }: Refusal): Error {
  const status = readStatus(body);
  const message = status.message || `HTTP ${code}`;
  const sentence = `${request.verb} ${describe(request)}: the API server answers ${code}: ${message}`;
  const wait = retryAfter ?? (code === 429 ? (status.details.retryAfterSeconds ?? 1) : undefined);
  if (wait !== undefined) return new ThrottledError(sentence, wait);
  // Server-side apply answers with 500 where an object does not fit its schema.
  const schemaError = code === 500 && message.startsWith("failed to create typed patch object");
  // What a policy denies is not wrong by its schema, though the API server answers as if it were.
  const denied =
    code === 422 && /ValidatingAdmissionPolicy '[^']*' with binding '[^']*' denied/.test(message);
  switch (schemaError ? 422 : denied ? 403 : code) {
    case 400:
    case 422:
      return invalid(request, status, message);
    case 401:
      return new UnauthorizedError(
        `the API server does not know who is asking (${message}); renew the kubeconfig's credentials`,
      );
    case 403:
      return new ForbiddenError(forbidden(request, message));
    case 404:
      return notFound(request, status);
    case 409:
      return new ConflictError(`${describe(request)}: ${message}`);
    case 410:
      return new ExpiredError(`${request.verb} ${describe(request)}: ${message}`);
    default:
      return new Error(sentence);
  }
}

/** The API server never redirects a request that is sent here. */
export function isRedirect(code: number): boolean {
  return code >= 300 && code < 400;
}

export function isWebPage({ headers }: Pick<IncomingMessage, "headers">, body = ""): boolean {
  return (
    /^(text\/html|application\/xhtml)/i.test(headers["content-type"] ?? "") ||
    /^\s*<(!doctype|html)/i.test(body)
  );
}

/** Names what answered in the API server's place, without printing all of it. */
export function foreignError(
  server: string,
  request: string,
  { code, body, location }: { code: number; body: string; location?: string },
): NotApiServerError {
  const title = /<(title|h1)[^>]*>([^<]+)/i.exec(body)?.[2] ?? body;
  const quote = `"${oneLine(title, 80)}"`;
  const what = location === undefined ? `${quote} (HTTP ${code})` : `a redirect to ${oneLine(location, 200)}`;
  const mend = "check the server's address in the kubeconfig, any proxy before it, and the API server behind";
  return new NotApiServerError(
    `${server} answered ${request} with ${what}, which is not the API server's JSON; ${mend}`,
  );
}

/** Text of unknown origin, fit for a sentence. */
export function oneLine(text: string, longest: number): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return line.length > longest ? `${line.slice(0, longest)}...` : line;
}

/** Undefined where the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function readStatus(body: string): Status {
  const parsed = parseJson(body) as Partial<Status> | null | undefined;
  // The API server's own mux answers in plain text.
  if (typeof parsed !== "object" || parsed === null)
    return { message: oneLine(body, 300), reason: "", details: {} };
  return { message: parsed.message ?? "", reason: parsed.reason ?? "", details: parsed.details ?? {} };
}

/** What the API server adds, as one more cause, when a refused schema kept it from asking the CEL rules. */
const unchecked = /some validation rules were not checked/;

function invalid(request: RequestInfo, status: Status, message: string): InvalidError {
  const named = [request.namespace, request.name ?? status.details.name]
    .filter((part) => part !== undefined)
    .join("/");
  const causes = (status.details.causes ?? []).flatMap(({ field, message }) => {
    if (field === undefined || message === undefined || unchecked.test(message)) return [];
    // A refusal of the whole object names no field: point at its spec.
    return [{ field: field === "<nil>" ? "spec" : field, message }];
  });
  return new InvalidError(request.kind, named, causes.length > 0 ? causes : causesIn(message));
}

/**
 * Refusals that name their fields only in their sentence: strict decoding, and the typing of server-side
 * apply.
 */
function causesIn(message: string): { field: string; message: string }[] {
  const unknown = [...message.matchAll(/unknown field "([^"]+)"/g)].map(([, field = ""]) => ({
    field,
    message: "unknown field",
  }));
  const typing = [...message.matchAll(/(?:\): |^\s+)\.(\S+): (.+)$/gm)].map(([, field = "", why = ""]) => ({
    field,
    message: why === "field not declared in schema" ? "unknown field" : why,
  }));
  const causes = [...unknown, ...typing];
  return causes.length > 0 ? causes : [{ field: "manifest", message }];
}

/**
 * Not only missing rights end in 403: quotas, Pod Security and namespaces that are going do too, and say so
 * themselves.
 */
function forbidden(request: RequestInfo, message: string): string {
  const { verb, apiVersion, plural, subresource, namespace } = request;
  const where = namespace === undefined ? "in all namespaces" : `in namespace ${namespace}`;
  const resource = subresource === undefined ? plural : `${plural}/${subresource}`;
  if (!/ cannot \w+ resource /.test(message)) return `cannot ${verb} ${resource} ${where}: ${message}`;
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "";
  return `not allowed to ${verb} ${resource} ${where}; grant the verb ${verb} on ${resource} of API group "${group}" to whoever runs this (${message})`;
}

function notFound(request: RequestInfo, { details }: Status): ClusterError {
  if (details.kind === "namespaces") {
    return new NotFoundError(`namespace ${details.name} does not exist; create it first`);
  }
  if (details.name !== undefined) return new NotFoundError(`${describe(request)} does not exist`);
  return new UnknownKindError(
    `the API server does not serve ${request.plural} of ${request.apiVersion}; install the CustomResourceDefinitions, or a Kubernetes that has it`,
  );
}

function describe({ kind, plural, namespace, name }: RequestInfo): string {
  if (name !== undefined) return `${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`;
  return namespace === undefined ? plural : `${plural} of namespace ${namespace}`;
}
