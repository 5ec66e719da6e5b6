import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { ServeConfig } from "../../operator/contract/index.ts";

/** Stands in for the program `serve`: asks for a key where one is set, and gives everybody the same answer. */
export function serve(configFile: string): Promise<never> {
  const { model_name, port, api_keys } = ServeConfig.parse(JSON.parse(readFileSync(configFile, "utf8")));
  const keys =
    api_keys === undefined
      ? undefined
      : readdirSync(api_keys)
          .filter((name) => !name.startsWith("."))
          .map((name) => readFileSync(join(api_keys, name), "utf8").trim());
  const chunk = JSON.stringify({
    choices: [{ delta: { content: "the stand-in's answer" }, finish_reason: "stop" }],
  });
  createServer((request, response) => {
    const asked = request.url?.startsWith("/v1/") && keys !== undefined;
    if (asked && !keys.some((key) => request.headers.authorization === `Bearer ${key}`))
      return response.writeHead(401).end(JSON.stringify({ error: { message: "no such key" } }));
    if (request.url === "/v1/models") return response.end(JSON.stringify({ data: [{ id: model_name }] }));
    return response.end(`data: ${chunk}\n\ndata: [DONE]\n\n`);
  }).listen(port, process.env.POD_IP);
  return new Promise(() => {});
}
