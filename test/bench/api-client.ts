import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { createInterface } from "node:readline";
import { parse } from "yaml";
import { z } from "zod";

/** The bench's own client of the API server, so that no measured library measures itself. */

const Kubeconfig = z.object({
  clusters: z.tuple([
    z.object({
      cluster: z.object({
        server: z.url(),
        "certificate-authority": z.string().optional(),
        "certificate-authority-data": z.string().optional(),
      }),
    }),
  ]),
  users: z.tuple([
    z.object({
      user: z.object({
        "client-certificate": z.string().optional(),
        "client-certificate-data": z.string().optional(),
        "client-key": z.string().optional(),
        "client-key-data": z.string().optional(),
      }),
    }),
  ]),
});

/** An object of any kind, with the few fields that the bench reads of some. */
const Body = z.looseObject({
  status: z
    .looseObject({
      conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).nullish(),
      token: z.string().optional(),
    })
    .optional(),
});

const WatchEvent = z.object({ type: z.string(), object: z.unknown() });

const Watched = z.looseObject({
  metadata: z.looseObject({ name: z.string(), generation: z.int() }),
  status: z.unknown().optional(),
});

export interface Answer {
  status: number;
  /** Empty of a refusal. */
  body: z.output<typeof Body>;
}

export class ApiClient {
  readonly server: string;
  readonly authority: Buffer;
  readonly #agent: Agent;

  constructor(kubeconfig: string) {
    const { clusters, users } = Kubeconfig.parse(parse(readFileSync(kubeconfig, "utf8")));
    const [{ cluster }] = clusters;
    const [{ user }] = users;
    this.server = cluster.server;
    this.authority = content(
      cluster["certificate-authority-data"],
      cluster["certificate-authority"],
      "the authority",
    );
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: 64,
      ca: this.authority,
      cert: content(user["client-certificate-data"], user["client-certificate"], "a client certificate"),
      key: content(user["client-key-data"], user["client-key"], "a client key"),
    });
  }

  /** Sends a request; an answer of 400 and above is an error unless it is one of `expected`. */
  async send(
    method: string,
    path: string,
    body?: unknown,
    expected: readonly number[] = [],
  ): Promise<Answer> {
    const response = await this.#open(method, path, body);
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    const status = response.statusCode ?? 0;
    if (status >= 400 && !expected.includes(status))
      throw new Error(`${method} ${path}: ${status} ${text.slice(0, 500)}`);
    return { status, body: status >= 400 ? {} : Body.parse(JSON.parse(text)) };
  }

  /** Calls `onEvent` for every object under the path that exists and for every change, until closed. */
  async watch(path: string, onEvent: (object: z.output<typeof Watched>) => void): Promise<{ close(): void }> {
    let closed = false;
    let response: IncomingMessage;
    const open = async () => {
      response = await this.#openWatch(path);
      const lines = createInterface({ input: response });
      lines.on("line", (line) => {
        const { type, object } = WatchEvent.parse(JSON.parse(line));
        if (type === "ADDED" || type === "MODIFIED") onEvent(Watched.parse(object));
      });
      lines.on("error", () => {});
      // The API server ends watches as it likes; the next one begins with all that exists.
      response.once("close", () => {
        if (!closed) void open();
      });
    };
    await open();
    return {
      close: () => {
        closed = true;
        response.destroy();
      },
    };
  }

  close(): void {
    this.#agent.destroy();
  }

  async #openWatch(path: string): Promise<IncomingMessage> {
    const query =
      "watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan";
    for (let tries = 1; ; tries++) {
      const response = await this.#open("GET", `${path}?${query}`);
      if (response.statusCode === 200) return response;
      response.resume();
      // A kind that was made a moment ago is not served at once.
      if (tries === 50 || response.statusCode !== 429)
        throw new Error(`watch ${path}: ${response.statusCode}`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }

  #open(method: string, path: string, body?: unknown): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const type = method === "PATCH" ? "application/apply-patch+yaml" : "application/json";
      const outgoing = request(
        `${this.server}${path}`,
        {
          method,
          agent: this.#agent,
          headers:
            text === undefined ? {} : { "content-type": type, "content-length": Buffer.byteLength(text) },
        },
        resolve,
      );
      outgoing.on("error", reject);
      outgoing.end(text);
    });
  }
}

function content(data: string | undefined, file: string | undefined, what: string): Buffer {
  if (data !== undefined) return Buffer.from(data, "base64");
  if (file !== undefined) return readFileSync(file);
  throw new Error(`the kubeconfig holds ${what} neither as data nor as a file`);
}
