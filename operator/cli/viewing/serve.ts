import { randomBytes } from "node:crypto";
import { isToken } from "../../ui-server/gate.ts";
import { HttpError } from "../../ui-server/http-error.ts";
import { startUiServer, type UiServer, type UiServerOptions } from "../../ui-server/server.ts";
import type { Page } from "../../ui-server/static-files.ts";
import { Failure } from "../failure.ts";
import { type KubeconfigChoice, kubernetesTarget } from "../target/kubernetes.ts";
import type { Target } from "../target/target.ts";
import { openView } from "./view.ts";

/**
 * Two ways to the page: one person's on this machine, and everybody's by the rights that each of them has.
 */

export async function serveOwn(
  target: Target,
  page: Page,
  port: number,
): Promise<{ server: UiServer; address: string }> {
  // What is wrong with the target is said here and not in the browser.
  (await target.connect()).close();
  const token = randomBytes(32).toString("base64url");
  const open = async (given: string | undefined) => {
    if (given !== undefined && isToken(given, token)) return openView(target);
    throw new HttpError(401, 'this page belongs to one "tanren ui"; open the whole address that it printed');
  };
  const server = await start({ access: { open }, page, port, listen: "loopback" });
  return { server, address: `http://127.0.0.1:${server.port}/#token=${token}` };
}

/** Has no rights of its own: what it asks of the API server it asks with the token of the request. */
export function serveShared(cluster: KubeconfigChoice, page: Page, port: number): Promise<UiServer> {
  const open = async (token: string | undefined) => {
    if (token === undefined)
      throw new HttpError(
        401,
        "say who you are with a Kubernetes token, such as kubectl create token NAME prints for a service account",
      );
    const target = kubernetesTarget({ ...cluster, token }, (words) => `"kubectl tanren ${words}"`);
    const view = await openView(target);
    const close = () => {
      view.close();
      void target.stop();
    };
    return { ...view, close };
  };
  return start({ access: { open }, page, port, listen: "everywhere" });
}

function start(options: Omit<UiServerOptions, "report">): Promise<UiServer> {
  const report = (error: unknown) => {
    const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
    process.stderr.write(`tanren: this is a defect of tanren; please report it with these lines\n${trace}\n`);
  };
  return startUiServer({ ...options, report }).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === "EADDRINUSE" ? "is taken" : `cannot be listened on (${error.message})`;
    throw new Failure("usage", `--port ${options.port} ${why}; name another, or leave it out`);
  });
}
