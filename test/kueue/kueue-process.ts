import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { kueuePath, type TestCluster } from "../cluster/cluster.ts";
import { freePort } from "../cluster/free-port.ts";
import { moduleFolder } from "../cluster/module-folder.ts";
import type { ApiServer } from "../contract/api-server.ts";
import { eventually } from "../contract/waiting.ts";

const namespace = "kueue-system";
const service = "kueue-webhook-service";
const certificate = "kueue-webhook-server-cert";

const Definition = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({}),
});
const Webhooks = z.looseObject({
  kind: z.string(),
  webhooks: z.array(
    z.looseObject({
      clientConfig: z.looseObject({ service: z.looseObject({ path: z.string() }) }),
      rules: z.array(z.looseObject({ apiGroups: z.array(z.string()) })),
    }),
  ),
});
const Kustomization = z.looseObject({ patches: z.array(z.looseObject({ path: z.string() })) });
const Secret = z.looseObject({ data: z.record(z.string(), z.base64()).default({}) });

/**
 * Kueue's own program before a control plane that has no pods of its own: with its definitions and webhooks as
 * its module has them, for Jobs alone.
 */
export class KueueProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  static async start(cluster: TestCluster, api: ApiServer): Promise<KueueProcess> {
    const program = await kueuePath();
    const manifests = join(await moduleFolder("kueue", "sigs.k8s.io/kueue"), "config/components");
    const [webhookPort, healthPort] = [await freePort(), await freePort()];
    await install(api, manifests, webhookPort);

    const folder = join(cluster.directory, "kueue");
    const certificates = join(folder, "certificates");
    mkdirSync(certificates, { recursive: true });
    const config = join(folder, "config.json");
    const log = join(folder, "kueue.log");
    writeFileSync(config, JSON.stringify(configuration({ webhookPort, healthPort, certificates })));
    const output = openSync(log, "w");
    const child = spawn(program, ["--config", config], {
      env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
      stdio: ["ignore", output, output],
    });
    const kueue = new KueueProcess(child);
    try {
      await mountCertificate(api, certificates);
      await eventually(async () => {
        if (child.exitCode !== null) throw new Error(`Kueue ended with ${child.exitCode}`);
        const answer = await fetch(`http://127.0.0.1:${healthPort}/readyz`).catch(() => undefined);
        return answer?.ok;
      }, "Kueue is ready");
    } catch (cause) {
      await kueue.stop();
      throw new Error(`Kueue did not start: ${readFileSync(log, "utf8").slice(-4000)}`, { cause });
    }
    return kueue;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
  }
}

function configuration(own: { webhookPort: number; healthPort: number; certificates: string }) {
  return {
    apiVersion: "config.kueue.x-k8s.io/v1beta2",
    kind: "Configuration",
    namespace,
    health: { healthProbeBindAddress: `127.0.0.1:${own.healthPort}` },
    metrics: { bindAddress: "0" },
    webhook: { host: "127.0.0.1", port: own.webhookPort, certDir: own.certificates },
    // A leader ends by itself when its API server is gone, so that nothing outlives a test that was killed.
    leaderElection: { leaderElect: true, resourceName: "kueue", resourceNamespace: namespace },
    internalCertManagement: { enable: true, webhookServiceName: service, webhookSecretName: certificate },
    integrations: { frameworks: ["batch/job"] },
    // It would serve an API of its own by aggregation, which nothing here asks for.
    featureGates: { VisibilityOnDemand: false },
  };
}

/**
 * Definitions, webhooks and what they are reached by. A Service of type ExternalName leads the API server to
 * this machine, under the name that Kueue's certificate has.
 */
async function install(api: ApiServer, manifests: string, port: number): Promise<void> {
  const core = `/api/v1/namespaces/${namespace}`;
  const owned = (name: string) => ({ apiVersion: "v1", metadata: { name, namespace } });
  await api.send("POST", "/api/v1/namespaces", { ...owned(namespace), kind: "Namespace" });
  await api.send("POST", `${core}/secrets`, { ...owned(certificate), kind: "Secret" });
  const spec = { type: "ExternalName", externalName: "127.0.0.1" };
  await api.send("POST", `${core}/services`, { ...owned(service), kind: "Service", spec });

  const to = (path: string) => ({ service: { namespace, name: service, path, port } });
  const bases = join(manifests, "crd/bases");
  const { patches } = Kustomization.parse(
    parse(readFileSync(join(manifests, "crd/kustomization.yaml"), "utf8")),
  );
  for (const file of readdirSync(bases)) {
    const definition = Definition.parse(parse(readFileSync(join(bases, file), "utf8")));
    const plural = definition.metadata.name.split(".")[0];
    const webhook = { clientConfig: to("/convert"), conversionReviewVersions: ["v1"] };
    if (patches.some(({ path }) => path === `patches/webhook_in_${plural}.yaml`))
      definition.spec.conversion = { strategy: "Webhook", webhook };
    const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    await api.send("APPLY", `${path}/${definition.metadata.name}?fieldManager=test&force=true`, definition);
  }

  for (const document of parseAllDocuments(readFileSync(join(manifests, "webhook/manifests.yaml"), "utf8"))) {
    const { kind, webhooks, ...rest } = Webhooks.parse(document.toJS());
    const kept = webhooks.filter(({ rules }) =>
      rules.some(({ apiGroups }) => apiGroups.includes("batch") || apiGroups.includes("kueue.x-k8s.io")),
    );
    const name = `kueue-${kind === "MutatingWebhookConfiguration" ? "mutating" : "validating"}-webhook-configuration`;
    await api.send("POST", `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}s`, {
      ...rest,
      kind,
      metadata: { name },
      webhooks: kept.map((one) => ({ ...one, clientConfig: to(one.clientConfig.service.path) })),
    });
  }
}

/** What the kubelet does for Kueue's pod: the certificate that it has made, as files. */
async function mountCertificate(api: ApiServer, folder: string): Promise<void> {
  const secret = `/api/v1/namespaces/${namespace}/secrets/${certificate}`;
  const data = await eventually(async () => {
    const read = Secret.parse(await api.send("GET", secret)).data;
    return read["tls.key"] !== undefined && read;
  }, "Kueue has made its certificate");
  for (const [name, content] of Object.entries(data))
    writeFileSync(join(folder, name), Buffer.from(content, "base64"));
}
