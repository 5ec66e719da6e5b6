import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { serviceAccountKubeconfig } from "../adapter/operator-process.ts";
import { kedaPaths, type TestCluster } from "../cluster/cluster.ts";
import { freePort } from "../cluster/free-port.ts";
import { moduleFolder } from "../cluster/module-folder.ts";
import type { ApiServer } from "../contract/api-server.ts";
import { eventually } from "../contract/waiting.ts";

const namespace = "keda";
const metricsService = "keda-metrics-apiserver";

const Webhooks = z.looseObject({
  webhooks: z.array(
    z.looseObject({ clientConfig: z.object({ service: z.looseObject({ path: z.string() }) }) }),
  ),
});
const Available = z.looseObject({
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]) })
    .default({ conditions: [] }),
});

/**
 * KEDA's three programs before a control plane that has no pods of its own: with its definitions, its rights and
 * its webhooks as its module has them. The certificates are the control plane's instead of its own.
 */
export class KedaProcess {
  readonly #children: ChildProcess[] = [];
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(cluster: TestCluster, api: ApiServer): Promise<KedaProcess> {
    const programs = await kedaPaths();
    const folder = join(cluster.directory, "keda");
    const certificates = join(folder, "certificates");
    mkdirSync(certificates, { recursive: true });
    for (const [from, to] of [
      ["ca.crt", "ca.crt"],
      ["apiserver.crt", "tls.crt"],
      ["apiserver.key", "tls.key"],
    ] as const)
      cpSync(join(cluster.directory, "pki", from), join(certificates, to));
    const ports = {
      ready: await freePort(),
      grpc: await freePort(),
      metrics: await freePort(),
      own: await freePort(),
      webhooks: await freePort(),
      webhooksReady: await freePort(),
    };
    await install(cluster, api, certificates, ports);
    const kubeconfig = await serviceAccountKubeconfig(cluster, "keda-operator", namespace);
    const keda = new KedaProcess(folder);
    const run = (name: string, program: string, ...flags: string[]) =>
      keda.#run(name, program, kubeconfig, [`--cert-dir=${certificates}`, ...flags]);
    try {
      run(
        "operator",
        programs.operator,
        "--leader-elect",
        "--metrics-bind-address=0",
        `--health-probe-bind-address=127.0.0.1:${ports.ready}`,
        `--metrics-service-bind-address=127.0.0.1:${ports.grpc}`,
      );
      run(
        "webhooks",
        programs.webhooks,
        "--metrics-bind-address=0",
        `--port=${ports.webhooks}`,
        `--health-probe-bind-address=127.0.0.1:${ports.webhooksReady}`,
      );
      await keda.#answers(`http://127.0.0.1:${ports.ready}/readyz`);
      await keda.#answers(`http://127.0.0.1:${ports.webhooksReady}/readyz`);
      run(
        "adapter",
        programs.adapter,
        "--bind-address=127.0.0.1",
        `--secure-port=${ports.metrics}`,
        `--port=${ports.own}`,
        `--metrics-service-address=127.0.0.1:${ports.grpc}`,
        `--client-ca-file=${certificates}/ca.crt`,
        `--tls-cert-file=${certificates}/tls.crt`,
        `--tls-private-key-file=${certificates}/tls.key`,
        ...["lister", "authentication", "authorization"].map((part) => `--${part}-kubeconfig=${kubeconfig}`),
      );
      const service = "/apis/apiregistration.k8s.io/v1/apiservices/v1beta1.external.metrics.k8s.io";
      await eventually(async () => {
        keda.#mustLive();
        const { status } = Available.parse(await api.send("GET", service));
        return status.conditions.some((one) => one.type === "Available" && one.status === "True");
      }, "KEDA serves external metrics");
    } catch (cause) {
      await keda.stop();
      throw new Error(`KEDA did not start: ${keda.log()}`, { cause });
    }
    return keda;
  }

  /** The ends of what its programs have said. */
  log(): string {
    return readdirSync(this.#folder)
      .filter((file) => file.endsWith(".log"))
      .map((file) => `\n${file}:\n${readFileSync(join(this.#folder, file), "utf8").slice(-3000)}`)
      .join("");
  }

  async stop(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
  }

  /** Gone when this process is gone: not every one of the programs ends by itself without its API server. */
  #run(name: string, program: string, kubeconfig: string, flags: string[]): void {
    const output = openSync(join(this.#folder, `${name}.log`), "w");
    const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", program, ...flags], {
      env: {
        ...process.env,
        KUBECONFIG: kubeconfig,
        POD_NAMESPACE: namespace,
        KEDA_CLUSTER_OBJECT_NAMESPACE: namespace,
        WATCH_NAMESPACE: "",
      },
      stdio: ["ignore", output, output],
    });
    this.#children.push(child);
  }

  #answers(url: string): Promise<unknown> {
    return eventually(async () => {
      this.#mustLive();
      return (await fetch(url).catch(() => undefined))?.ok;
    }, `${url} answers`);
  }

  #mustLive(): void {
    for (const { exitCode, spawnargs } of this.#children)
      if (exitCode !== null) throw new Error(`${spawnargs[4]} ended with ${exitCode}`);
  }
}

/**
 * What KEDA's own kustomization installs beside its pods. A Service of type ExternalName leads the API server to
 * this machine.
 */
async function install(
  cluster: TestCluster,
  api: ApiServer,
  certificates: string,
  ports: { metrics: number; webhooks: number },
): Promise<void> {
  const config = join(await moduleFolder("keda", "github.com/kedacore/keda/v2"), "config");
  const files = [
    "general/namespace.yaml",
    ...readdirSync(join(config, "crd/bases")).map((file) => `crd/bases/${file}`),
    "service_account/service_account.yaml",
    "rbac/role.yaml",
    "rbac/role_binding.yaml",
    "metrics-server/role.yaml",
    "metrics-server/role_binding.yaml",
  ];
  const arguments_ = files.flatMap((file) => ["-f", join(config, file)]);
  const applied = await cluster.kubectl(["apply", "--server-side", ...arguments_]);
  if (applied.code !== 0) throw new Error(applied.stderr);
  // KEDA's programs end where its kinds are not served yet.
  await eventually(async () => {
    const kinds = (await api.ask("GET", "/apis/keda.sh/v1alpha1")).body;
    return JSON.stringify(kinds).includes('"scaledobjects"');
  }, "KEDA's kinds are served");

  await api.send("POST", `/api/v1/namespaces/${namespace}/services`, {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: metricsService, namespace },
    spec: { type: "ExternalName", externalName: "127.0.0.1" },
  });
  await api.send("POST", "/apis/apiregistration.k8s.io/v1/apiservices", {
    apiVersion: "apiregistration.k8s.io/v1",
    kind: "APIService",
    metadata: { name: "v1beta1.external.metrics.k8s.io" },
    spec: {
      group: "external.metrics.k8s.io",
      version: "v1beta1",
      groupPriorityMinimum: 100,
      versionPriority: 100,
      service: { namespace, name: metricsService, port: ports.metrics },
      // The certificate is the API server's, which has other names.
      insecureSkipTLSVerify: true,
    },
  });
  const file = join(config, "webhooks/validation_webhooks.yaml");
  const { webhooks, ...rest } = Webhooks.parse(parse(readFileSync(file, "utf8")));
  const caBundle = readFileSync(join(certificates, "ca.crt")).toString("base64");
  await api.send("POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {
    ...rest,
    webhooks: webhooks.map((one) => ({
      ...one,
      failurePolicy: "Fail",
      clientConfig: { url: `https://127.0.0.1:${ports.webhooks}${one.clientConfig.service.path}`, caBundle },
    })),
  });
}
