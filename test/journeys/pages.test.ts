import { execFile } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { admit } from "../../operator/api/admission.ts";
import { type KindDefinition, kinds, type TanrenObject } from "../../operator/api/kinds.ts";
import { LocalCluster } from "../../operator/cluster/local/index.ts";
import { batchKinds } from "../../operator/kinds/index.ts";
import { startOperator } from "../../operator/operator.ts";
import { createLogger } from "../../operator/runtime/logger.ts";
import { executedPages, linesAt } from "../docs/blocks.ts";
import { repository } from "../docs/markdown.ts";

/**
 * The lines of README and guides that are about this machine, run as they stand, in a folder such as
 * `make quickstart` leaves: its files, its key, and on the state directory that the command takes by itself a
 * chain that is done. The operator and all it makes are real; kernels are stand-ins.
 */

const folder = mkdtempSync(join(tmpdir(), "tanren-pages-"));
const quickstart = "examples/quickstart build/quickstart/keys.yaml";
const execute = promisify(execFile);
const shell = (line: string) =>
  execute("sh", ["-c", line], {
    cwd: folder,
    timeout: 90_000,
    env: { ...process.env, PATH: `${join(repository, "bin")}${delimiter}${process.env.PATH}` },
  });
let stop: () => Promise<void> = async () => {};

beforeAll(async () => {
  cpSync(join(repository, "examples"), join(folder, "examples"), { recursive: true });
  mkdirSync(join(folder, "bin"));
  symlinkSync(join(repository, "bin/tanren"), join(folder, "bin/tanren"));
  for (const data of ["web", "code"])
    mkdirSync(join(folder, "build/quickstart/data", data), { recursive: true });
  for (const web of ["web/ja.warc.gz", "web/en.warc.gz"])
    writeFileSync(join(folder, "build/quickstart/data", web), gzipSync("WARC/1.0\r\n\r\n"));
  writeFileSync(join(folder, "build/quickstart/data/code/main.py"), "print()\n");
  writeFileSync(join(folder, "build/quickstart/api-key"), "secret\n");
  writeFileSync(
    join(folder, "build/quickstart/keys.yaml"),
    'apiVersion: v1\nkind: Secret\nmetadata: {name: tanren-assistant-keys}\nstringData: {key: "secret"}\n',
  );

  const python = join(folder, "python");
  const kernel = new URL("./stand-in-kernel.ts", import.meta.url).pathname;
  writeFileSync(
    python,
    `#!/bin/sh\necho '{"event":"started"}'\nexec "${process.execPath}" "${kernel}" "$@"\n`,
  );
  chmodSync(python, 0o755);
  const logger = createLogger({ level: "silent" });
  const cluster = await LocalCluster.open({
    stateDirectory: join(folder, ".tanren"),
    customResources: (kinds as readonly KindDefinition[]).map((kind) => ({
      resource: kind.resource,
      admit: (candidate, old) => admit(kind, candidate, old as TanrenObject | undefined),
    })),
    node: {
      cpus: 8,
      programs: { python },
      env: { WITNESS: join(folder, "witness"), PATH: process.env.PATH ?? "" },
    },
    report() {},
  });
  const operator = await startOperator({ cluster, kinds: batchKinds, logger, progressSeconds: 0.2 });
  stop = async () => {
    await operator.stop();
    await cluster.stop({ pods: "terminate" });
  };
  await shell(`tanren run -f ${quickstart} --until complete`);
}, 120_000);
afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** What a line must show besides ending well. */
const shows: readonly [pattern: RegExp, output: RegExp][] = [
  [/ get$/, /inferencedeployment\/assistant +True/],
  [/ describe contextextension long/, /ContextExtension\/long\n.*\n +Succeeded is True/],
  [/ logs /, /"event":"started"/],
  [/ chat assistant/, /the stand-in's answer/],
  [/ corpus sample/, /猫だ。/],
  [/ tree$/, /AlignmentRun\/assistant/],
  [/ plan -f examples\/programme-a/, /PretrainRun\/base-13b/],
  [/ validate /, /objects? (is|are) valid/],
  [/ delete -f/, /InferenceDeployment\/assistant deleted/],
];

const pagesHere = executedPages.filter((page) => linesAt(page, "this machine").length > 0);

test("README and the command's guide have lines to run", () => {
  expect(pagesHere).toEqual(expect.arrayContaining(["README.md", "docs/guide/command.md"]));
});

// README deletes the chain at its end, so it is the last page; lines follow each other as a reader runs them.
describe.each(pagesHere.toSorted((a) => (a === "README.md" ? 1 : -1)))("%s", { timeout: 120_000 }, (page) => {
  test.each(linesAt(page, "this machine"))("%s", async (line) => {
    // DIR stands for a reader's own directory.
    const { stdout } = await shell(line.replaceAll(/\bDIR\b/g, quickstart));
    for (const [pattern, output] of shows) if (pattern.test(line)) expect(stdout).toMatch(output);
  });
});
