import { type AddressInfo, createServer } from "node:net";
import { PassThrough } from "node:stream";
import { type KubeConfig, PortForward } from "@kubernetes/client-node";
import { ClusterError } from "../../port.ts";

/** A port of a pod. */
export interface PodPort {
  namespace: string;
  pod: string;
  port: number;
}

export interface ForwardedPort {
  /** On 127.0.0.1. */
  port: number;
  /** Ends the listening, and the connection where there is one. */
  close(): void;
}

/**
 * A loopback port that leads one connection through the API server to a pod. Nothing of the cluster's network
 * need be reachable from here, and what is sent arrives as it is, an Authorization header too, which the API
 * server's own proxy would take for itself.
 *
 * Throws ClusterError when the way to the pod cannot be opened.
 */
export async function forwardPort(config: KubeConfig, pod: PodPort): Promise<ForwardedPort> {
  const tunnel = await openTunnel(config, pod);
  const server = createServer((client) => {
    server.close(); // to further clients; the first stays
    client.on("error", tunnel.close);
    client.on("close", tunnel.close);
    client.pipe(tunnel.toPod);
    tunnel.fromPod.pipe(client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      tunnel.close();
    },
  };
}

async function openTunnel(config: KubeConfig, { namespace, pod, port }: PodPort) {
  const toPod = new PassThrough();
  const fromPod = new PassThrough();
  const problems = new PassThrough();
  const opened = await new PortForward(config)
    .portForward(namespace, pod, [port], fromPod, problems, toPod)
    .catch((cause: unknown) => {
      throw handshakeError(cause, `a port of pod ${pod} in namespace ${namespace}`);
    });
  const socket = typeof opened === "function" ? opened() : opened;
  const close = () => socket?.close();
  // A complaint says that the pod's end hung up, or could not be reached at all; the client sees its
  // connection end.
  problems.once("data", close);
  socket?.addEventListener("close", () => fromPod.end());
  return { toPod, fromPod, close };
}

/** The handshake's failure is an Event of the websocket library, with a message. */
function handshakeError(cause: unknown, port: string): ClusterError {
  const message =
    typeof cause === "object" && cause !== null && "message" in cause ? String(cause.message) : String(cause);
  const sentence = message.endsWith(" 403")
    ? `not allowed to reach ${port}; grant the verbs get and create on pods/portforward to whoever runs this`
    : `${port} cannot be reached through the API server (${message})`;
  return new ClusterError(sentence, { cause });
}
