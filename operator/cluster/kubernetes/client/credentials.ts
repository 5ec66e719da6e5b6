import { readFileSync } from "node:fs";
import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import { type Identity, type KubeConfigSource, loadIdentity } from "./kubeconfig.ts";

/**
 * Who we are to the API server. Certificates, tokens and passwords are put into the request here, read again
 * for every request, so that what the kubelet renews counts at once. What takes a protocol (exec plugins,
 * OIDC, proxies) is client-node's, which is loaded only then: it takes 70 MB.
 */
export class Credentials {
  readonly #source: KubeConfigSource;
  #identity: Identity;
  #kubeConfig: Promise<KubeConfig> | undefined;

  constructor(source: KubeConfigSource) {
    this.#source = source;
    this.#identity = loadIdentity(source);
  }

  /** Base URL of the API server, without a slash at its end. */
  get server(): string {
    return this.#identity.cluster.server;
  }

  get throughProxy(): boolean {
    return this.#identity.cluster["proxy-url"] !== undefined;
  }

  /** Namespace of the context. */
  get namespace(): string {
    return this.#identity.namespace;
  }

  get context(): string {
    return this.#identity.context;
  }

  /** Certificates and headers of one request; they may be others for the next. */
  async ofRequest(): Promise<RequestOptions> {
    const { user } = this.#identity;
    if (user.exec === undefined && user["auth-provider"] === undefined && !this.throughProxy) {
      return plainOptions(this.#identity);
    }
    const options: RequestOptions = {};
    await (await this.kubeConfig()).applyToHTTPSOptions(options);
    return options;
  }

  /** For client-node's own protocols, such as port forwarding. */
  kubeConfig(): Promise<KubeConfig> {
    this.#kubeConfig ??= asKubeConfig(this.#identity);
    return this.#kubeConfig;
  }

  /** Reads the source again: what was refused may have been renewed there. */
  reload(): void {
    this.#identity = loadIdentity(this.#source);
    this.#kubeConfig = undefined;
  }
}

function plainOptions({ cluster, user }: Identity): RequestOptions {
  const options: RequestOptions = {
    ca: fileOrData(cluster["certificate-authority"], cluster["certificate-authority-data"]),
    cert: fileOrData(user["client-certificate"], user["client-certificate-data"]),
    key: fileOrData(user["client-key"], user["client-key-data"]),
    servername: cluster["tls-server-name"],
    headers: {
      ...authorization(user),
      ...(user.as !== undefined && { "impersonate-user": user.as }),
      ...(user["as-uid"] !== undefined && { "impersonate-uid": user["as-uid"] }),
      ...(user["as-groups"] !== undefined && { "impersonate-group": user["as-groups"] }),
    },
  };
  if (cluster["insecure-skip-tls-verify"]) options.rejectUnauthorized = false;
  return options;
}

function authorization({ token, tokenFile, username, password = "" }: Identity["user"]): {
  authorization?: string;
} {
  if (token !== undefined) return { authorization: `Bearer ${token}` };
  if (tokenFile !== undefined) return { authorization: `Bearer ${readFileSync(tokenFile, "utf8").trim()}` };
  if (username === undefined) return {};
  return { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };
}

function fileOrData(file: string | undefined, data: string | undefined): Buffer | undefined {
  // As kubectl has it: data goes before a file.
  if (data !== undefined) return Buffer.from(data, "base64");
  return file === undefined ? undefined : readFileSync(file);
}

async function asKubeConfig({ context, namespace, cluster, user }: Identity): Promise<KubeConfig> {
  const { KubeConfig } = await import("@kubernetes/client-node");
  const config = new KubeConfig();
  const tokenFile = user.tokenFile && { name: "tokenFile", config: { tokenFile: user.tokenFile } };
  config.loadFromOptions({
    clusters: [
      {
        name: "cluster",
        server: cluster.server,
        caFile: cluster["certificate-authority"],
        caData: cluster["certificate-authority-data"],
        skipTLSVerify: cluster["insecure-skip-tls-verify"],
        tlsServerName: cluster["tls-server-name"],
        proxyUrl: cluster["proxy-url"],
      },
    ],
    users: [
      {
        name: "user",
        certFile: user["client-certificate"],
        certData: user["client-certificate-data"],
        keyFile: user["client-key"],
        keyData: user["client-key-data"],
        token: user.token,
        username: user.username,
        password: user.password,
        impersonateUser: user.as,
        exec: user.exec,
        authProvider: user["auth-provider"] ?? tokenFile,
      },
    ],
    contexts: [{ name: context, cluster: "cluster", user: "user", namespace }],
    currentContext: context,
  });
  return config;
}
