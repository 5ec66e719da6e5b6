import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { exitCodes } from "./failure.ts";

const binary = fileURLToPath(new URL("../../bin/tanren", import.meta.url));
const plugin = fileURLToPath(new URL("../../bin/kubectl-tanren", import.meta.url));

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tanren-command-"));
  await mkdir(join(directory, "texts"));
  await writeFile(join(directory, "texts", "ja.jsonl"), '{"text": "犬が走る。"}\n');
});
afterAll(() => rm(directory, { recursive: true }));

interface Ended {
  code: number | null;
  out: string;
  error: string;
}

/** Runs the command in the test's own directory, with its standard streams as pipes. */
function tanren(words: readonly string[], program = binary): Promise<Ended> {
  const child = spawn(program, words, { cwd: directory, stdio: ["ignore", "pipe", "pipe"], timeout: 60_000 });
  const ended: Ended = { code: null, out: "", error: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    ended.out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    ended.error += text;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ ...ended, code }));
  });
}

const words = [
  "run",
  "validate",
  "plan",
  "get",
  "describe",
  "logs",
  "chat",
  "tree",
  "ui",
  "report",
  "retry",
  "suspend",
  "resume",
  "scale",
  "delete",
  "explain",
  "completion",
  "stop",
];

describe.concurrent("help", { timeout: 60_000 }, () => {
  test.each(words)("tanren %s --help has examples and the exit codes", async (word) => {
    const { code, out } = await tanren([word, "--help"]);
    expect(code).toBe(exitCodes.done.code);
    expect(out).toContain(`$ tanren ${word}`);
    for (const { code, about } of Object.values(exitCodes))
      expect(out).toContain(`${String(code).padStart(3)}  ${about}`);
  });

  test("tanren --help names every command, and not the one that is for itself only", async () => {
    const { out } = await tanren(["--help"]);
    for (const word of words) expect(out).toMatch(new RegExp(`^ {2}${word} `, "m"));
    expect(out).not.toMatch(/^ {2}operator /m);
  });

  test("a link to the command works from anywhere, and its name makes it the plugin", async () => {
    for (const [name, usage] of [
      ["t", "Usage: tanren "],
      ["kubectl-tanren", "Usage: kubectl tanren "],
    ] as const) {
      const link = join(directory, name);
      await symlink(binary, link);
      expect((await tanren(["--help"], link)).out.slice(0, usage.length)).toBe(usage);
    }
  });

  test("the plugin names what says where, and not what is about this machine", async () => {
    const { out } = await tanren(["--help"], plugin);
    for (const word of words)
      expect(/^ {2}WORD /m.test(out.replace(`  ${word} `, "  WORD "))).toBe(
        word !== "stop" && word !== "completion",
      );
    expect(out).not.toContain("--state");
    expect((await tanren(["get", "--help"], plugin)).out).toContain("--context <name>");
  });
});

const suspended = `apiVersion: v1
kind: PersistentVolumeClaim
metadata: {annotations: {local.tanren.dev/path: texts}, name: data}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}
---
apiVersion: tanren.dev/v1alpha1
kind: Corpus
metadata: {name: web}
spec:
  suspend: true
  sources: [{name: ja, language: ja, licence: CC0-1.0, format: jsonl, from: {claimName: data}}]
  mixture: {tokens: 1024, ratios: [{language: ja, percent: 100}]}
  tokenizer: {train: {vocabularySize: 400}}
`;

describe.concurrent("exit codes and sentences", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    await writeFile(join(directory, "good.yaml"), suspended);
    await writeFile(join(directory, "bad.yaml"), suspended.replace("percent: 100", "percent: 90"));
    await writeFile(
      join(directory, "lonely.yaml"),
      suspended.replace("train: {vocabularySize: 400}", "fromCorpus: {name: other}"),
    );
  });

  test.each<[string, keyof typeof exitCodes, RegExp]>([
    ["validate -f good.yaml", "done", /^$/],
    ["", "usage", /^Usage: tanren/],
    ["run", "usage", /^tanren: required option '-f, --filename/],
    ["get nothing", "usage", /^tanren: there is no kind "nothing"; kinds are: Corpus \(corpora, corp\)/],
    ["describe corpus", "usage", /^tanren: "corpus" names no object; write KIND NAME/],
    [
      "run -f good.yaml --until corpus/other",
      "usage",
      /^tanren: --until corpus\/other: the manifests have no Corpus other/,
    ],
    ["run -f good.yaml --timeout soon", "usage", /write a time such as 90s/],
    ["run -f good.yaml --detach --until complete", "usage", /cannot be used with option/],
    ["delete", "usage", /^tanren: name what to delete either as KIND NAME or by -f/],
    [
      "validate -f bad.yaml",
      "invalid",
      /^tanren: bad.yaml:\d+: Corpus\/web: spec.mixture.*\n1 problem; nothing was changed\n$/,
    ],
    [
      "plan -f lonely.yaml",
      "done",
      /^warning: lonely.yaml:\d+: Corpus\/web: spec.tokenizer.fromCorpus: InputNotFound: Corpus other/,
    ],
    ["validate -f nowhere", "notFound", /^tanren: -f nowhere: there is no such file or directory\n$/],
    ["get --state nowhere", "notFound", /^tanren: .*nowhere has no state/],
    ["stop", "notFound", /^tanren: no operator runs on /],
    [
      "stop --context prod",
      "usage",
      /^tanren: "tanren stop" is about an operator on this machine; leave --context/,
    ],
    [
      "get --state x --context prod",
      "usage",
      /^tanren: option '--state <dir>' cannot be used with option '--context/,
    ],
    ["chat", "usage", /^tanren: name the endpoint either as an InferenceDeployment or by --url/],
    ["get --kubeconfig nowhere", "notFound", /^tanren: kubeconfig nowhere cannot be read \(ENOENT/],
  ])("tanren %s: %s", async (line, exitCode, sentence) => {
    const { code, error } = await tanren(line.split(" ").filter(Boolean));
    expect(error).toMatch(sentence);
    expect(code).toBe(exitCodes[exitCode].code);
    expect(error).not.toMatch(/^ {4}at /m);
  });
});

describe("an operator in the background", () => {
  test("takes manifests, is asked by other commands, deletes, stops in order, and leaves its state", {
    timeout: 60_000,
  }, async () => {
    await writeFile(join(directory, "suspended.yaml"), suspended);
    const inState = (...words: string[]) => tanren([...words, "--state", "state"]);
    expect(await inState("run", "-f", "suspended.yaml", "--detach")).toMatchObject({ code: 0 });

    expect(
      (await inState("run", "-f", "suspended.yaml", "--until", "complete", "--timeout", "1s")).code,
    ).toBe(exitCodes.unfinished.code);
    expect((await inState("get", "corp")).out).toMatch(/^NAME +SUCCEEDED .*\nweb +Unknown .* Suspended /);
    expect((await inState("describe", "CORPUS", "web")).out).toMatch(/^Corpus\/web\n[\s\S]*\nEvents\n/);
    expect(JSON.parse((await inState("get", "corpora/web", "-o", "json")).out)).toMatchObject({
      kind: "Corpus",
      metadata: { name: "web" },
    });
    expect((await inState("logs", "corp/web")).code).toBe(exitCodes.notFound.code);

    expect((await inState("stop")).out).toMatch(/ has stopped\n$/);
    const atRest = await inState("get", "corp/web");
    expect(atRest).toMatchObject({ code: 0, out: expect.stringContaining("Suspended") });
    expect(atRest.error).toMatch(/^no operator runs on .*state: this is its last state\n$/);

    // No operator runs now: delete starts one for as long as it takes.
    expect(await inState("delete", "-f", "suspended.yaml")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^Corpus\/web deleted$/m),
    });
    expect((await inState("get")).code).toBe(exitCodes.notFound.code);
  });
});

test("tanren run does not begin when the name of its claim is somebody else's, and says what to do", {
  timeout: 60_000,
}, async () => {
  const held = suspended
    .replaceAll("name: data}", "name: corpus-web}")
    .replace("claimName: data", "claimName: corpus-web")
    .replace("suspend: true", "storage: {size: 1Gi}");
  await writeFile(join(directory, "held.yaml"), held);
  const { code, error } = await tanren(["run", "-f", "held.yaml", "--state", "held", "--until", "complete"]);
  expect(error).toContain(
    "Corpus/web: NameTaken: PersistentVolumeClaim corpus-web exists and is not this run's; delete it, or name it in spec.storage.claimName",
  );
  expect(code).toBe(exitCodes.invalid.code);
});

describe("commands on a state directory", { timeout: 60_000 }, () => {
  const state = ["--state", "changes"];
  const inState = (...words: string[]) => tanren([...words, ...state]);
  beforeAll(async () => {
    await writeFile(
      join(directory, "labelled.yaml"),
      suspended.replace("metadata: {name: web}", "metadata: {name: web, labels: {team: search}}"),
    );
    await inState("run", "-f", "labelled.yaml", "--detach");
  });
  afterAll(() => inState("stop"));

  test("resume and suspend change spec.suspend alone", async () => {
    const spec = async () => JSON.parse((await inState("get", "corp/web", "-o", "json")).out).spec;
    const before = await spec();
    expect(await inState("resume", "corp/web")).toMatchObject({ code: 0, out: "Corpus/web continues\n" });
    expect(await spec()).toEqual({ ...before, suspend: false });
    expect(await inState("suspend", "corpus", "web")).toMatchObject({ code: 0 });
    expect(await spec()).toEqual(before);
  });

  test.each([
    ["suspend infd/chat", "usage", /cannot be suspended; use scale --replicas 0/],
    ["scale corp/web --replicas 2", "usage", /a Corpus has no replicas/],
    ["scale infd/chat --replicas half", "usage", /whole number of at least 0/],
    ["scale infd/chat --replicas 2", "notFound", /there is no InferenceDeployment chat/],
    ["get corp/web -l team=search", "usage", /name one object or select/],
    ["get corpora -l team=search", "done", /^$/],
    ["get corpora -l team=other", "notFound", /has no corpora with these labels/],
    ["get corpora -l team", "usage", /KEY=VALUE/],
    ["explain corpus.spec.sauces", "usage", /no field sauces in corpus.spec; it has the fields sources/],
  ] as const)("%s", async (line, exitCode, error) => {
    const ended = await inState(...line.split(" "));
    expect(ended.error).toMatch(error);
    expect(ended.code).toBe(exitCodes[exitCode].code);
  });

  test("describe for programs has the object and its events", async () => {
    const described = JSON.parse((await inState("describe", "corp/web", "-o", "json")).out);
    expect(described).toMatchObject({ object: { kind: "Corpus" }, events: expect.any(Array) });
  });

  test("names of objects are completed where an object is asked for", async () => {
    const words = ["__complete", "--", "describe", ...state, "corp", ""];
    expect((await tanren(words)).out).toBe("web\t\n:4\n");
    expect((await tanren(["__complete", "--", "describe", ...state, "corp/w"])).out).toBe("corp/web\t\n:4\n");
  });

  test("completion offers subcommands, kinds and choices, and bash reads its script", async () => {
    const offered = async (...words: string[]) =>
      (await tanren(["__complete", "--", ...words])).out.split("\n").map((line) => line.split("\t")[0]);
    expect(await offered("de")).toEqual(["describe", "delete", ":4", ""]);
    expect(await offered("get", "pre")).toEqual(["pretrainrun", ":4", ""]);
    expect(await offered("get", "-o", "")).toEqual(["wide", "name", "json", "yaml", ":4", ""]);
    expect(await offered("run", "-f", "")).toEqual([":0", ""]);
    await writeFile(join(directory, "completion.bash"), (await tanren(["completion", "bash"])).out);
    expect(await tanren(["-n", join(directory, "completion.bash")], "bash")).toMatchObject({ code: 0 });
  });

  test("manifests come from standard input", async () => {
    const line = `"${binary}" validate -f - < labelled.yaml`;
    expect(await tanren(["-c", line], "bash")).toMatchObject({ code: 0, out: "2 objects are valid\n" });
  });
});
