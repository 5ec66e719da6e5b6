import { once } from "node:events";
import { createServer, type Server } from "node:http";

/** A page of metrics in Prometheus' text format with one gauge, whose value the test sets. */
export class MetricServer {
  value = 0;
  /** How often it was asked. */
  asked = 0;
  readonly #server: Server;

  private constructor(gauge: string) {
    this.#server = createServer((request, response) => {
      if (request.url !== "/metrics") return void response.writeHead(404).end();
      this.asked += 1;
      response.setHeader("content-type", "text/plain; version=0.0.4");
      response.end(`# TYPE ${gauge.split("{")[0]} gauge\n${gauge} ${this.value}\n`);
    });
  }

  static async start(gauge: string, port: number, host: string): Promise<MetricServer> {
    const started = new MetricServer(gauge);
    started.#server.listen(port, host);
    await once(started.#server, "listening");
    return started;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
