import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { samples } from "../../operator/testing/samples.ts";
import { endState, eventReasons, leftProcesses } from "./end-state.ts";

/**
 * The operator is killed right after a write; whatever it had done, the next one ends where an undisturbed
 * run ends. The second run fails once and is retried, which is among what is disturbed. One write in eight is
 * taken, beginning with another one each time; with TANREN_SWEEP=whole each of them (`make test-sweeps`). That every crash point is survived is also proved without processes, in
 * operator/runs.
 */

const stride = process.env.TANREN_SWEEP === "whole" ? 1 : 8;
const firstWrite = 1 + (process.pid % stride);

const object = (kind: string, name: string, spec: unknown) => ({
  apiVersion: "tanren.dev/v1alpha1",
  kind,
  metadata: { name, namespace: "default" },
  spec,
});
const manifests = [
  object("Corpus", "web", {
    ...samples.Corpus,
    storage: { claimName: "shared" },
    sources: sourcesOnShared(),
  }),
  object("PretrainRun", "base", { ...samples.PretrainRun, corpus: { name: "web" } }),
];

function sourcesOnShared() {
  const [source] = (samples.Corpus?.sources ?? []) as Record<string, unknown>[];
  return [{ ...source, from: { claimName: "shared", path: "raw" } }];
}

const root = mkdtempSync(join(tmpdir(), "tanren-sweep-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Ended {
  signal: NodeJS.Signals | null;
  code: number | null;
  output: string;
}

function drive(folder: string, crashAfter: number): Promise<Ended> {
  const driver = new URL("./crash-driver.ts", import.meta.url).pathname;
  const files = ["state", "manifests.json", "witness"].map((file) => join(folder, file));
  const args = [driver, ...files, "PretrainRun/base train 1"];
  const child = spawn(process.execPath, args, { env: { ...process.env, CRASH_AFTER: String(crashAfter) } });
  let output = "";
  child.stdout.on("data", (chunk) => (output += String(chunk)));
  child.stderr.on("data", (chunk) => (output += String(chunk)));
  return new Promise((resolve) => child.on("close", (code, signal) => resolve({ code, signal, output })));
}

function prepare(name: string): string {
  const folder = join(root, name);
  mkdirSync(join(folder, "raw"), { recursive: true });
  const claim = {
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "shared", namespace: "default" },
    spec: { accessModes: ["ReadWriteMany"], resources: { requests: { storage: "1Gi" } } },
  };
  writeFileSync(join(folder, "manifests.json"), JSON.stringify([claim, ...manifests]));
  return folder;
}

/** Everything that two runs are compared by. */
function outcome(folder: string) {
  const state = join(folder, "state");
  const starts = readFileSync(join(folder, "witness"), "utf8").trim().split("\n");
  return {
    objects: endState(state),
    reasons: eventReasons(state),
    starts: starts.map((line) => line.replace(/^\S+ /, "")).sort(),
    left: leftProcesses(state),
  };
}

describe("an operator that is killed after one of its writes", async () => {
  const undisturbed = prepare("undisturbed");
  const first = await drive(undisturbed, 0);
  if (first.code !== 0) throw new Error(first.output);
  const writes = Number(first.output.trim());
  const wanted = outcome(undisturbed);

  test("the undisturbed run starts every attempt once and leaves no process", () => {
    expect(wanted.starts).toEqual([
      "Corpus/web clean 1 0",
      "Corpus/web deduplicate 1 0",
      "Corpus/web tokenize 1 0",
      "PretrainRun/base train 1 0",
      "PretrainRun/base train 2 0",
    ]);
    expect(wanted.reasons).toContain("PretrainRun/base Retried");
    expect(wanted.left).toEqual([]);
    expect(writes).toBeGreaterThan(15);
  });

  const all = Array.from({ length: writes }, (_, index) => index + 1);
  test.concurrent.each(all.slice(firstWrite - 1).filter((_, index) => index % stride === 0))(
    `after write %i of ${writes}`,
    async (crashAfter) => {
      const folder = prepare(`after-${crashAfter}`);
      const crashed = await drive(folder, crashAfter);
      // Timing moves a write or two: a run that had fewer than expected has simply ended well.
      if (crashed.signal === "SIGKILL") {
        const finished = await drive(folder, 0);
        expect(finished.code, finished.output).toBe(0);
      } else {
        expect(crashed.code, crashed.output).toBe(0);
      }
      const { reasons, ...ended } = outcome(folder);
      const { reasons: wantedReasons, ...wantedEnd } = wanted;
      expect(ended).toEqual(wantedEnd);
      // Events follow the status they report, so a crash between the two can swallow those of one write, and
      // never more.
      expect(wantedReasons.filter((reason) => !reasons.includes(reason)).length).toBeLessThanOrEqual(2);
      expect(reasons.filter((reason) => !wantedReasons.includes(reason))).toEqual([]);
      rmSync(folder, { recursive: true, force: true });
    },
    90_000,
  );
});
