import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { Agent, request } from "node:https";
import type { AddressInfo } from "node:net";
import { parse } from "yaml";

/**
 * Stands between an operator and a real API server and decides what the operator is told of changes, and when.
 * All else passes.
 */

/** What happens to the nth event (from 1) of a resource's watches. */
export type Verdict = "pass" | "hold" | "drop";

export interface Plan {
  /** Plural of the resource whose watches are disturbed. */
  plural: string;
  verdict(nth: number): Verdict;
  /** After this long what was held is told; after what was dropped, the operator is sent to list anew. */
  milliseconds: number;
}

interface Admin {
  server: string;
  agent: Agent;
}

function adminOf(kubeconfig: string): Admin {
  const { clusters, users } = parse(readFileSync(kubeconfig, "utf8"));
  const decoded = (data: string) => Buffer.from(data, "base64");
  return {
    server: clusters[0].cluster.server,
    agent: new Agent({
      keepAlive: true,
      ca: decoded(clusters[0].cluster["certificate-authority-data"]),
      cert: decoded(users[0].user["client-certificate-data"]),
      key: decoded(users[0].user["client-key-data"]),
    }),
  };
}

const expired = JSON.stringify({
  type: "ERROR",
  object: {
    kind: "Status",
    apiVersion: "v1",
    status: "Failure",
    code: 410,
    reason: "Expired",
    message: "too old",
  },
});

export class WatchProxy {
  readonly #admin: Admin;
  readonly #plan: Plan | undefined;
  readonly #server: ReturnType<typeof createServer>;
  #events = 0;
  /** Set once the plan has been carried out: from then on everything passes. */
  #isOver = false;

  private constructor(kubeconfig: string, plan: Plan | undefined) {
    this.#admin = adminOf(kubeconfig);
    this.#plan = plan;
    this.#server = createServer((incoming, response) => this.#pass(incoming, response));
  }

  static async start(kubeconfig: string, plan?: Plan): Promise<WatchProxy> {
    const proxy = new WatchProxy(kubeconfig, plan);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get address(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Whether the plan disturbed anything. */
  get hasDisturbed(): boolean {
    return this.#plan === undefined || this.#isOver;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#admin.agent.destroy();
  }

  #pass(incoming: IncomingMessage, response: ServerResponse): void {
    const url = new URL(incoming.url ?? "/", "http://loopback");
    const isWatch = url.searchParams.get("watch") === "true";
    const isDisturbed = isWatch && this.#plan !== undefined && url.pathname.endsWith(`/${this.#plan.plural}`);
    const { host: _, connection: __, ...headers } = incoming.headers;
    const sent = request(
      `${this.#admin.server}${incoming.url}`,
      { agent: this.#admin.agent, method: incoming.method, headers },
      (answer) => {
        const { connection: ___, "content-length": length, ...kept } = answer.headers;
        const isPlain = !isDisturbed && length !== undefined;
        response.writeHead(answer.statusCode ?? 502, isPlain ? { ...kept, "content-length": length } : kept);
        if (isDisturbed && answer.statusCode === 200) this.#disturb(answer, response);
        else answer.pipe(response);
        answer.on("error", () => response.destroy());
      },
    );
    sent.on("error", () => response.destroy());
    response.on("close", () => sent.destroy());
    incoming.pipe(sent);
  }

  #disturb(answer: IncomingMessage, response: ServerResponse): void {
    const plan = this.#plan;
    if (plan === undefined) return;
    let rest = "";
    const held: string[] = [];
    let releasing: NodeJS.Timeout | undefined;
    const tell = (line: string) => void response.write(`${line}\n`);
    const later = (act: () => void) => {
      releasing ??= setTimeout(() => {
        this.#isOver = true;
        act();
      }, plan.milliseconds);
    };
    response.on("close", () => clearTimeout(releasing));
    answer.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter(Boolean)) {
        // Bookmarks tell of no object; what follows a held event must wait for it.
        const verdict = this.#isOver || line.includes('"BOOKMARK"') ? "pass" : plan.verdict(++this.#events);
        if (held.length > 0 || verdict === "hold") {
          held.push(line);
          later(() => held.splice(0).forEach(tell));
        } else if (verdict === "drop") {
          later(() => {
            tell(expired);
            response.end();
          });
        } else tell(line);
      }
    });
    answer.on("end", () => response.end());
  }
}
