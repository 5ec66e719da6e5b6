import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { loadIdentity } from "./kubeconfig.ts";

// The pod's own files have one place, which is not here.
vi.mock("node:fs", async (original) => {
  const real = await original<typeof import("node:fs")>();
  return { ...real, existsSync: vi.fn(real.existsSync), readFileSync: vi.fn(real.readFileSync) };
});

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tanren-kubeconfig-"));
  vi.stubEnv("HOME", directory);
  vi.stubEnv("KUBECONFIG", "");
});

afterEach(() => {
  vi.resetAllMocks();
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true, force: true });
});

function write(file: string, content: object | string): string {
  const path = join(directory, file);
  writeFileSync(path, typeof content === "string" ? content : stringify(content));
  return path;
}

function config(name: string, more: object = {}) {
  return {
    clusters: [{ name, cluster: { server: `https://${name}:6443/`, "certificate-authority": "pki/ca.crt" } }],
    users: [{ name, user: { token: name } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: `of-${name}` } }],
    "current-context": name,
    ...more,
  };
}

test("a context is read with what it names; paths lie beside the file", () => {
  const identity = loadIdentity({ path: write("a", config("one")) });
  expect(identity).toEqual({
    context: "one",
    namespace: "of-one",
    cluster: {
      server: "https://one:6443",
      "certificate-authority": join(directory, "pki/ca.crt"),
      "insecure-skip-tls-verify": false,
    },
    user: { token: "one" },
  });
});

test("who asks with a token of their own has nothing of the kubeconfig's user, nor of the pod's", () => {
  const user = { token: "mine", "client-certificate-data": "YQ==", as: "somebody", "as-groups": ["all"] };
  const path = write("a", config("one", { users: [{ name: "one", user }] }));
  const identity = loadIdentity({ path, token: "theirs" });
  expect(identity.user).toEqual({ token: "theirs" });
  expect(identity.cluster.server).toBe("https://one:6443");
  vi.stubEnv("KUBERNETES_SERVICE_HOST", "10.0.0.1");
  vi.mocked(existsSync).mockReturnValue(true);
  vi.mocked(readFileSync).mockReturnValue("team-a");
  expect(loadIdentity({ inCluster: true }).user).toHaveProperty("tokenFile");
  expect(loadIdentity({ inCluster: true, token: "theirs" }).user).toEqual({ token: "theirs" });
});

test("KUBECONFIG is merged as kubectl does: what is missing is skipped, and the first counts", () => {
  const first = write("a", config("one"));
  const second = write("b", {
    ...config("two"),
    users: [...config("one", {}).users, ...config("two").users],
  });
  vi.stubEnv("KUBECONFIG", `${join(directory, "missing")}:${first}:${second}`);
  expect(loadIdentity({}).context).toBe("one");
  expect(loadIdentity({ context: "two" })).toMatchObject({ namespace: "of-two", user: { token: "two" } });
});

test.each([
  ["no file at all", () => ({}), "there is no kubeconfig; set KUBECONFIG to one, or write ~/.kube/config"],
  [
    "a file that is not there",
    () => ({ path: "/nowhere/config" }),
    /kubeconfig \/nowhere\/config cannot be read .*ENOENT/,
  ],
  ["a file that is no YAML", () => ({ path: write("a", "{") }), /kubeconfig .*a cannot be read/],
  [
    "an entry without a server",
    () => ({ path: write("a", { clusters: [{ name: "x", cluster: {} }] }) }),
    /clusters.0.cluster.server/,
  ],
  [
    "an unknown context",
    () => ({ path: write("a", config("one")), context: "two" }),
    "has no context two; it has one: choose one of them",
  ],
  [
    "no current context",
    () => ({ path: write("a", config("one", { "current-context": "" })) }),
    "has no current context; it has one",
  ],
  [
    "a context without its user",
    () => ({ path: write("a", config("one", { users: null })) }),
    "context one of the kubeconfig names user one, which is not in it",
  ],
  ["a pod that is none", () => ({ inCluster: true }), "this is no pod with a service account"],
])("%s is said in a sentence", (_, source, sentence) => {
  expect(() => loadIdentity(source())).toThrow(sentence);
});
