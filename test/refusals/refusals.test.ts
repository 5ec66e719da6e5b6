import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, inject, onTestFinished, test } from "vitest";
import type { Corpus, InferenceDeployment } from "../../operator/api/kinds.ts";
import { corpus, inferenceDeployment } from "../../operator/api/kinds.ts";
import { findCondition } from "../../operator/cluster/conditions.ts";
import { connectKubernetes } from "../../operator/cluster/kubernetes/index.ts";
import { events, jobs } from "../../operator/cluster/resource.ts";
import { changed, samples } from "../../operator/testing/samples.ts";
import { OperatorProcess } from "../adapter/operator-process.ts";
import { ApiServer } from "../contract/api-server.ts";
import { installKinds } from "../contract/kubernetes-world.ts";
import { openNamespace } from "../contract/namespace.ts";
import { eventually } from "../contract/waiting.ts";

/**
 * What a cluster refuses is said on the object that asked for it, within one look, whoever refuses: the
 * operator's process on a real control plane, a namespace with one obstacle at a time.
 */

const directory = mkdtempSync(join(tmpdir(), "tanren-refusals-"));
const cluster = connectKubernetes({ kubeconfig: { path: inject("kubeconfig") }, report: () => {} });
const api = new ApiServer(inject("kubeconfig"));
const operators: OperatorProcess[] = [];

async function openOperatedNamespace(
  labels: Record<string, string> = {},
  configuration: object = {},
): Promise<string> {
  const name = `refusals-${randomBytes(4).toString("hex")}`;
  await openNamespace(api, name, {
    labels: { ...labels, refusals: name },
    claims: ["pages", "models"],
  });
  const operator = new OperatorProcess(name, directory, inject("kubeconfig"), {
    namespace: name,
    leaderElection: { enabled: false },
    progressSeconds: 1,
    ...configuration,
  });
  operators.push(operator);
  await operator.says("operator started");
  return name;
}

let namespace = "";
beforeAll(async () => {
  await installKinds(api);
  namespace = await openOperatedNamespace();
});
afterEach(async () => {
  for (const kind of [corpus, inferenceDeployment])
    await api.send("DELETE", `/apis/tanren.dev/v1alpha1/namespaces/${namespace}/${kind.resource.plural}`);
  await eventually(
    async () => (await cluster.list(corpus.resource, { namespace })).length === 0,
    "the objects of a case are gone",
  );
});
afterAll(async () => {
  for (const operator of operators) await operator.end();
  const opened = (await api.send("GET", "/api/v1/namespaces?labelSelector=refusals")) as {
    items: { metadata: { name: string } }[];
  };
  for (const { metadata } of opened.items) await api.send("DELETE", `/api/v1/namespaces/${metadata.name}`);
  await cluster.stop();
  api.close();
  rmSync(directory, { recursive: true, force: true });
});

/** Puts an obstacle in the way, and takes it out after the test or before. */
async function obstacle(path: string, object: object & { metadata: { name: string } }) {
  await api.send("POST", path, object);
  const remove = () => api.send("DELETE", `${path}/${object.metadata.name}`, undefined, [404]);
  onTestFinished(async () => void (await remove()));
  return { remove };
}

const inNamespace = (plural: string) => `/api/v1/namespaces/${namespace}/${plural}`;

const quota = (hard: Record<string, string>) =>
  obstacle(inNamespace("resourcequotas"), {
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "quota" },
    spec: { hard },
  } as never);

/** Who refuses knows of a new obstacle only after a moment. */
const takesEffect = (check: () => Promise<boolean>) => eventually(check, "the obstacle is in force", 30_000);

const refusesPods = (message: RegExp, spec: object = {}) =>
  takesEffect(async () => {
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "probe" },
      spec: { containers: [{ name: "c", image: "none.invalid/none:0" }], ...spec },
    };
    const { body } = await api.ask("POST", `${inNamespace("pods")}?dryRun=All`, pod);
    return message.test(JSON.stringify(body));
  });

let made = 0;
async function applyCorpus(changes: Record<string, unknown> = {}, where = namespace): Promise<Corpus> {
  const wanted = {
    apiVersion: corpus.resource.apiVersion,
    kind: "Corpus",
    metadata: { name: `refused-${++made}`, namespace: where },
    spec: changed("Corpus", changes),
  };
  return cluster.apply(corpus.resource, wanted as never);
}

interface Said {
  reason: string;
  message: RegExp;
  /** Not of what waits for the cluster alone. */
  event?: boolean;
}

/** Waits until the object says it, and that people watching Events are told too. */
async function says(object: Corpus | InferenceDeployment, { reason, message, event = true }: Said) {
  const kind = object.kind === "Corpus" ? corpus : inferenceDeployment;
  const { namespace, name, uid } = object.metadata;
  let last: unknown;
  await eventually(
    async () => {
      const { status } = (await cluster.get(kind.resource as typeof corpus.resource, namespace, name)) ?? {};
      last = status?.conditions;
      const root =
        findCondition(status?.conditions, "Succeeded") ?? findCondition(status?.conditions, "Ready");
      return root?.reason === reason && message.test(root.message);
    },
    `${name} says ${reason}: ${message}`,
    25_000,
  ).catch((error: unknown) => {
    throw new Error(`${error}: ${JSON.stringify(last, undefined, 1)}`);
  });
  if (!event) return;
  await eventually(async () => {
    const told = await cluster.list(events, { namespace, fields: { "regarding.uid": uid } });
    return told.some((one) => one.reason === reason && one.type === "Warning");
  }, `an Event ${reason}`);
}

describe("a run says who refuses", () => {
  test("its Job: a quota on Jobs, and it starts once there is room", async () => {
    const { remove } = await quota({ "count/jobs.batch": "0" });
    await takesEffect(async () => {
      const { body } = await api.ask("GET", `${inNamespace("resourcequotas")}/quota`);
      return JSON.stringify(body).includes('"used"');
    });
    const run = await applyCorpus();
    await says(run, { reason: "FailedCreate", message: /^Job .* is refused: .*exceeded quota: quota/ });
    await remove();
    // Nobody tells the operator that there is room; it looks again within half a minute, and at every change.
    await api.send(
      "PATCH",
      `/apis/tanren.dev/v1alpha1/namespaces/${namespace}/corpora/${run.metadata.name}`,
      {
        metadata: { labels: { touched: "yes" } },
      },
    );
    await eventually(async () => (await cluster.list(jobs, { namespace })).length === 1, "the Job is made");
  });

  test("its pods: a quota on pods", async () => {
    await quota({ pods: "0" });
    await refusesPods(/exceeded quota/);
    await says(await applyCorpus(), {
      reason: "FailedCreate",
      message: /0 of \d+ pods of Job .* are created: FailedCreate: Error creating: .*exceeded quota: quota/,
    });
  });

  test("its pods: a LimitRange", async () => {
    await obstacle(inNamespace("limitranges"), {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: "small" },
      spec: { limits: [{ type: "Container", max: { memory: "1Mi" } }] },
    } as never);
    await refusesPods(/maximum memory usage/, {
      containers: [{ name: "c", image: "x", resources: { limits: { memory: "2Mi" } } }],
    });
    await says(await applyCorpus(), {
      reason: "FailedCreate",
      message: /maximum memory usage per Container/,
    });
  });

  test("its pods: a ServiceAccount that is not there", async () => {
    await says(await applyCorpus({ compute: { serviceAccountName: "ghost" } }), {
      reason: "FailedCreate",
      message: /serviceaccount "ghost" not found/,
    });
  });

  test("its pods: a PriorityClass that is not there", async () => {
    await says(await applyCorpus({ compute: { priorityClassName: "ghost" } }), {
      reason: "FailedCreate",
      message: /no PriorityClass with name ghost was found/,
    });
  });

  test("its pods: the Pod Security Standard, for what the platform mounts into them", async () => {
    const volumes = {
      extraVolumes: [{ name: "host", hostPath: { path: "/tmp" } }],
      extraVolumeMounts: [{ name: "host", mountPath: "/host" }],
    };
    const strict = await openOperatedNamespace(
      { "pod-security.kubernetes.io/enforce": "restricted" },
      { pods: volumes },
    );
    await says(await applyCorpus({}, strict), {
      reason: "FailedCreate",
      message: /violates PodSecurity "restricted:latest".*hostPath/,
    });
  });

  test("a claim to read that is not there", async () => {
    const source = { name: "web", language: "ja", licence: "CC0-1.0", format: "warc" };
    await says(await applyCorpus({ sources: [{ ...source, from: { claimName: "ghost" } }] }), {
      reason: "InputNotFound",
      message:
        /^PersistentVolumeClaim ghost \(spec.sources\[0\].from.claimName\) does not exist in this namespace;/,
    });
  });

  test("its claim: a StorageClass that is not there", async () => {
    await says(await applyCorpus({ storage: { size: "1Gi", storageClassName: "ghost" } }), {
      reason: "WaitingForPods",
      message: /PersistentVolumeClaim corpus-refused-\d+: .*storageclass.* "ghost" not found/,
      event: false,
    });
  });

  test("its Job: a webhook that does not answer", async () => {
    await obstacle("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingWebhookConfiguration",
      metadata: { name: namespace },
      webhooks: [
        {
          name: "down.refusals.invalid",
          clientConfig: { url: "https://127.0.0.1:1/" },
          rules: [{ apiGroups: ["batch"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["jobs"] }],
          namespaceSelector: { matchLabels: { refusals: namespace } },
          sideEffects: "None",
          admissionReviewVersions: ["v1"],
          timeoutSeconds: 1,
        },
      ],
    } as never);
    await says(await applyCorpus(), {
      reason: "ReconcileFailed",
      message: /failed calling webhook "down.refusals.invalid"/,
    });
  });

  test("a queue that nobody serves is named", async () => {
    const run = await applyCorpus({ compute: { queueName: "ghost" } });
    await says(run, {
      reason: "Queued",
      message: /LocalQueue ghost admits it: .* install Kueue/,
      event: false,
    });
  });

  // The last one of Jobs: a policy that is gone is obeyed for a moment still.
  test("its Job: a ValidatingAdmissionPolicy", async () => {
    const admission = "/apis/admissionregistration.k8s.io/v1";
    const metadata = { name: namespace };
    await obstacle(`${admission}/validatingadmissionpolicies`, {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicy",
      metadata,
      spec: {
        failurePolicy: "Fail",
        matchConstraints: {
          resourceRules: [
            { apiGroups: ["batch"], apiVersions: ["v1"], operations: ["CREATE"], resources: ["jobs"] },
          ],
        },
        validations: [{ expression: "false", message: "Jobs are made by the platform team alone" }],
      },
    } as never);
    await obstacle(`${admission}/validatingadmissionpolicybindings`, {
      apiVersion: "admissionregistration.k8s.io/v1",
      kind: "ValidatingAdmissionPolicyBinding",
      metadata,
      spec: {
        policyName: namespace,
        validationActions: ["Deny"],
        matchResources: { namespaceSelector: { matchLabels: { refusals: namespace } } },
      },
    } as never);
    await takesEffect(async () => {
      const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "x" }] } };
      const probe = { apiVersion: "batch/v1", kind: "Job", metadata: { name: "probe" }, spec: { template } };
      const path = `/apis/batch/v1/namespaces/${namespace}/jobs?dryRun=All`;
      return (await api.ask("POST", path, probe)).code >= 400;
    });
    await says(await applyCorpus(), {
      reason: "FailedCreate",
      message: /Jobs are made by the platform team alone/,
    });
  });
});

test("an endpoint says who refuses its pods", async () => {
  await quota({ pods: "0" });
  await refusesPods(/exceeded quota/);
  const spec = {
    ...samples.InferenceDeployment,
    model: { directory: { claimName: "models" } },
    contextLength: 128,
  };
  const endpoint = await cluster.apply(inferenceDeployment.resource, {
    apiVersion: inferenceDeployment.resource.apiVersion,
    kind: "InferenceDeployment",
    metadata: { name: "refused", namespace },
    spec,
  } as never);
  await says(endpoint, { reason: "FailedCreate", message: /exceeded quota: quota/ });
});
