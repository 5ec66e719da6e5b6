import {
  Agent as HttpAgent,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from "node:https";
import type { Socket } from "node:net";
import type { Clock } from "../../../clock/clock.ts";
import type { Credentials } from "./credentials.ts";
import { UnreachableError } from "./errors.ts";

/** One HTTP request to the API server. */
export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  query?: Record<string, string | undefined>;
  body?: string;
  contentType?: string;
  /** Until the head of the answer is here; what follows is the reader's matter. */
  timeoutMilliseconds: number;
  signal?: AbortSignal;
  /**
   * Called when the connection stands, right before the request goes out; what it throws keeps the request
   * back.
   */
  beforeSend?: () => void;
}

/**
 * A dead peer is found by the kernel some 25 s after it fell silent: 15 s, then ten probes a second apart.
 */
const keepAliveMilliseconds = 15_000;
const idleMilliseconds = 60_000;

/**
 * HTTP to one API server over connections that are kept and used again. Node keeps connections apart by their
 * certificates, so a renewed CA or client certificate takes effect with the next request, and what watches on
 * an old one goes on.
 */
export class Connection {
  readonly credentials: Credentials;
  readonly #clock: Clock;
  readonly #agents = {
    "http:": new HttpAgent({ keepAlive: true, timeout: idleMilliseconds }),
    "https:": new HttpsAgent({ keepAlive: true, timeout: idleMilliseconds }),
  };
  readonly #closed = new AbortController();

  constructor(credentials: Credentials, clock: Clock) {
    this.credentials = credentials;
    this.#clock = clock;
  }

  /** The head of the answer, whatever its status; the body is to be read or destroyed. */
  async open(call: Call): Promise<IncomingMessage> {
    const options = await this.credentials.ofRequest();
    for (;;) {
      try {
        return await this.#send(call, options);
      } catch (error) {
        // The other end closed a kept connection, as load balancers do. Every kept one may be closed, and a
        // new one is never stale. A write that arrived all the same is harmless to repeat: applies are
        // idempotent, the rest is bound to a UID or a version.
        if (!(error instanceof StaleConnection)) throw error;
      }
    }
  }

  /** Ends every request under way. */
  close(): void {
    this.#closed.abort();
    for (const agent of Object.values(this.#agents)) agent.destroy();
  }

  #send(call: Call, options: RequestOptions): Promise<IncomingMessage> {
    const url = new URL(this.credentials.server + call.path);
    for (const [key, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, value);
    }
    const plain = url.protocol === "http:";
    const { agent: proxyAgent, headers, ...security } = options;
    const agent = this.credentials.throughProxy ? proxyAgent : this.#agents[plain ? "http:" : "https:"];
    const signals = [this.#closed.signal, ...(call.signal ? [call.signal] : [])];
    return new Promise((resolve, reject) => {
      const request = (plain ? httpRequest : httpsRequest)(url, {
        ...security,
        agent,
        method: call.method,
        headers: headersOf(call, headers as OutgoingHttpHeaders),
        signal: AbortSignal.any(signals),
      });
      const cancelTimeout = this.#clock.after(call.timeoutMilliseconds, () => {
        request.destroy(new Error(`no answer within ${call.timeoutMilliseconds / 1000} s`));
      });
      request.on("socket", (socket) => {
        socket.setKeepAlive(true, keepAliveMilliseconds);
        whenConnected(socket, request.reusedSocket, () => {
          try {
            call.beforeSend?.();
            request.end(call.body);
          } catch (error) {
            reject(error);
            request.destroy();
          }
        });
      });
      request.once("response", (response) => {
        cancelTimeout();
        resolve(response);
      });
      request.on("error", (cause: NodeJS.ErrnoException) => {
        cancelTimeout();
        const stale = request.reusedSocket && (cause.code === "ECONNRESET" || cause.code === "EPIPE");
        const why = cause.message || cause.code;
        const sentence = `no answer from the API server ${url.origin} to ${call.method} ${call.path}: ${why}`;
        reject(stale ? new StaleConnection(sentence, { cause }) : new UnreachableError(sentence, { cause }));
      });
    });
  }
}

class StaleConnection extends UnreachableError {}

function headersOf({ body, contentType }: Call, security: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
  return {
    ...security,
    accept: "application/json",
    "user-agent": "tanren",
    ...(body !== undefined && { "content-type": contentType, "content-length": Buffer.byteLength(body) }),
  };
}

function whenConnected(
  socket: Socket & { secureConnecting?: boolean },
  reused: boolean,
  then: () => void,
): void {
  if (reused) then();
  else if (socket.secureConnecting) socket.once("secureConnect", then);
  else if (socket.connecting) socket.once("connect", then);
  else then();
}
