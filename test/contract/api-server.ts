import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { parse } from "yaml";
import { z } from "zod";

/** What the worlds ask of an API server beside the port, as its administrator. */

const Kubeconfig = z.object({
  clusters: z.array(
    z.object({ cluster: z.object({ server: z.string(), "certificate-authority-data": z.base64() }) }),
  ),
  users: z.array(
    z.object({ user: z.object({ "client-certificate-data": z.base64(), "client-key-data": z.base64() }) }),
  ),
});

const types = {
  POST: "application/json",
  PUT: "application/json",
  DELETE: "application/json",
  PATCH: "application/merge-patch+json",
  /** Server-side apply. */
  APPLY: "application/apply-patch+yaml",
};

export interface Answer {
  code: number;
  body: unknown;
}

export class ApiServer {
  readonly #server: string;
  readonly #agent: Agent;

  /** Credentials must lie in the kubeconfig itself. */
  constructor(kubeconfig: string) {
    const { clusters, users } = Kubeconfig.parse(parse(readFileSync(kubeconfig, "utf8")));
    const decoded = (data = "") => Buffer.from(data, "base64");
    this.#server = clusters[0]?.cluster.server ?? "";
    this.#agent = new Agent({
      keepAlive: true,
      ca: decoded(clusters[0]?.cluster["certificate-authority-data"]),
      cert: decoded(users[0]?.user["client-certificate-data"]),
      key: decoded(users[0]?.user["client-key-data"]),
    });
  }

  /** Sends a request; an answer that is none of 2xx is returned like any other. */
  ask(verb: "GET" | keyof typeof types, path: string, body?: unknown): Promise<Answer> {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      "content-type": types[verb === "GET" ? "POST" : verb],
      "content-length": Buffer.byteLength(text),
    };
    return new Promise((resolve, reject) => {
      const sent = request(
        `${this.#server}${path}`,
        {
          agent: this.#agent,
          method: verb === "APPLY" ? "PATCH" : verb,
          headers: verb === "GET" ? {} : headers,
        },
        async (response) => {
          const told = (await response.toArray()).join("");
          resolve({ code: response.statusCode ?? 0, body: told.startsWith("{") ? JSON.parse(told) : told });
        },
      );
      sent.on("error", reject);
      sent.end(text);
    });
  }

  /** Sends a request whose failure the test cannot go on with; `tolerated` are codes that are no failure. */
  async send(verb: "GET" | keyof typeof types, path: string, body?: unknown, tolerated: number[] = []) {
    const answer = await this.ask(verb, path, body);
    if (answer.code < 300 || tolerated.includes(answer.code)) return answer.body;
    throw new Error(`${verb} ${path} was answered with ${answer.code}: ${JSON.stringify(answer.body)}`);
  }

  close(): void {
    this.#agent.destroy();
  }
}
