import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";

/** What the API server has written about every request, read as it grows. */

export interface Call {
  user: string;
  verb: string;
  /** `jobs`, or `tasks/status` where a subresource was meant. */
  resource: string;
  name: string;
  namespace: string;
  code: number;
  /**
   * When the answer was complete (of a watch: when it began), in milliseconds since the epoch, with
   * fractions.
   */
  at: number;
  /** When the API server received it. */
  receivedAt: number;
}

/** Requests of operators and of the bench itself, without bodies; the control plane's own are left out. */
export const policy = {
  apiVersion: "audit.k8s.io/v1",
  kind: "Policy",
  omitStages: ["RequestReceived"],
  rules: [
    { level: "None", userGroups: ["system:serviceaccounts:kube-system", "system:nodes"] },
    { level: "Metadata", userGroups: ["system:serviceaccounts"] },
    {
      level: "Metadata",
      userGroups: ["system:masters"],
      verbs: ["create"],
      resources: [{ group: "bench.tanren.dev" }, { group: "tanren.dev" }],
    },
    { level: "None" },
  ],
};

export class AuditLog {
  readonly #path: string;
  readonly #calls: Call[] = [];
  #file: number;
  #offset = 0;
  #rest = "";

  constructor(path: string) {
    this.#path = path;
    this.#file = openSync(path, "r");
  }

  /** All calls since a mark, the newest included. */
  since(mark: number): Call[] {
    this.#read();
    return this.#calls.slice(mark);
  }

  mark(): number {
    this.#read();
    return this.#calls.length;
  }

  close(): void {
    closeSync(this.#file);
  }

  /**
   * The API server renames a log that has grown large: the rest of the old one comes first, then the new one.
   */
  #read(): void {
    this.#readToEnd();
    if (statSync(this.#path).ino === fstatSync(this.#file).ino) return;
    this.#readToEnd();
    closeSync(this.#file);
    this.#file = openSync(this.#path, "r");
    this.#offset = 0;
    this.#readToEnd();
  }

  #readToEnd(): void {
    const buffer = Buffer.allocUnsafe(1 << 20);
    const pieces = [this.#rest];
    for (let size = this.#next(buffer); size > 0; size = this.#next(buffer))
      pieces.push(buffer.toString("latin1", 0, size));
    const lines = pieces.join("").split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#calls.push(...callOf(line));
  }

  #next(buffer: Buffer): number {
    const size = readSync(this.#file, buffer, 0, buffer.length, this.#offset);
    this.#offset += size;
    return size;
  }
}

/** Whether the call made an object of the resource, be it by create or by server-side apply. */
export const isCreated = ({ verb, resource, code }: Call, of: string) =>
  resource === of && code === 201 && (verb === "create" || verb === "patch");

/** One call per request: a watch when it begins, anything else when it is complete. */
export function callOf(line: string): Call[] {
  const event = JSON.parse(line);
  const watch = event.verb === "watch";
  if (event.stage !== (watch ? "ResponseStarted" : "ResponseComplete")) return [];
  const { resource = event.requestURI, subresource, name = "", namespace = "" } = event.objectRef ?? {};
  return [
    {
      user: event.user.username,
      verb: event.verb,
      resource: subresource === undefined ? resource : `${resource}/${subresource}`,
      // The name of a created object is not in the request's path.
      name,
      namespace,
      code: event.responseStatus?.code ?? 0,
      at: milliseconds(event.stageTimestamp),
      receivedAt: milliseconds(event.requestReceivedTimestamp),
    },
  ];
}

/** Date knows milliseconds only; the log tells microseconds. */
function milliseconds(timestamp: string): number {
  const [, fraction = "0"] = /\.(\d+)Z$/.exec(timestamp) ?? [];
  return Date.parse(`${timestamp.slice(0, 19)}Z`) + Number(`0.${fraction}`) * 1000;
}
