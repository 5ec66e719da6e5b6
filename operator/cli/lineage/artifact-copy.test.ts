import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyArtifact } from "./artifact-copy.ts";

/** Artifacts are made by the kernels' own code, so that both sides agree on what a digest is. */

const kernels = new URL("../../../kernels", import.meta.url).pathname;
const python = new URL("../../../.venv/bin/python", import.meta.url).pathname;
const maker = `
import sys
from pathlib import Path
from tanren_kernels.contract import RunIdentity
from tanren_kernels.runtime import manifest
directory = Path(sys.argv[1])
run = RunIdentity(kind="PretrainRun", namespace="default", name="base", uid="u", stage="train", attempt=1)
metadata = {"loss": 1.0, "lr": 1e-05, "big": 1e22, "steps": 30, "text": "日本\\n\\u007f\\U0001f600", "b": {"é": None, "a": [True]}}
print(manifest.write(directory, "model", run, [], metadata).digest)
`;

let root: string;
let from: string;
let to: string;
let digest: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "tanren-export-"));
  from = join(root, "artifact");
  to = join(root, "copy");
  mkdirSync(join(from, "deep"), { recursive: true });
  writeFileSync(join(from, "model.safetensors"), "weights".repeat(1000));
  writeFileSync(join(from, "deep/config.json"), "{}");
  const made = spawnSync(python, ["-c", maker, from], { cwd: kernels, encoding: "utf8" });
  expect(made.stderr).toBe("");
  digest = made.stdout.trim();
});
afterEach(() => rmSync(root, { recursive: true }));

const copy = (wanted = digest) => copyArtifact(from, to, wanted, () => {});
const files = (directory: string) => readdirSync(directory, { recursive: true }).map(String).toSorted();

test("a copy has every file of the artifact, and nothing stands beside it", async () => {
  writeFileSync(join(from, "checkpoint.tmp"), "not of the artifact");
  expect(await copy()).toEqual({ files: 2, bytes: 7002 });
  expect(files(to)).toEqual(["deep", "deep/config.json", "manifest.json", "model.safetensors"]);
  expect(readFileSync(join(to, "model.safetensors"), "utf8")).toBe("weights".repeat(1000));
  expect(files(root)).not.toContain("copy.partial");
});

test("what is there already is not written over", async () => {
  mkdirSync(to);
  await expect(copy()).rejects.toThrow(`${to} exists already; name a directory that does not`);
  expect(files(to)).toEqual([]);
});

test("a changed file is named, and no copy is there", async () => {
  writeFileSync(join(from, "model.safetensors"), "weighty".repeat(1000));
  await expect(copy()).rejects.toThrow(/model\.safetensors does not have the sha256 that the manifest names/);
  expect(existsSync(to)).toBe(false);
});

test("a changed manifest is found, also where only a figure was changed", async () => {
  const file = join(from, "manifest.json");
  writeFileSync(file, readFileSync(file, "utf8").replace("1e-05", "2e-05"));
  await expect(copy()).rejects.toThrow(/manifest\.json was changed/);
});

test("an artifact that took the place of another is refused", async () => {
  await expect(copy(`sha256:${"0".repeat(64)}`)).rejects.toThrow(/it was replaced since/);
});

test("a copy that was broken off is taken up again, and what was half written is mended", async () => {
  const partial = `${to}.partial`;
  mkdirSync(join(partial, "deep"), { recursive: true });
  writeFileSync(join(partial, "deep/config.json"), "{}");
  writeFileSync(join(partial, "model.safetensors"), "weights");
  writeFileSync(join(partial, "of-another.bin"), "x");
  // Only what is missing is read again.
  rmSync(join(from, "deep"), { recursive: true });
  await copy();
  expect(files(to)).toEqual(["deep", "deep/config.json", "manifest.json", "model.safetensors"]);
  expect(readFileSync(join(to, "model.safetensors"), "utf8")).toBe("weights".repeat(1000));
});

test("a manifest that names a file elsewhere copies nothing", async () => {
  const outside = 'manifest.write(directory, "model", run, [], {}, [directory / ".." / "secret"])';
  const script = maker.replace(/manifest\.write\(.*metadata\)/, outside);
  writeFileSync(join(root, "secret"), "s");
  const made = spawnSync(python, ["-c", script, from], { cwd: kernels, encoding: "utf8" });
  expect(made.stderr).toBe("");
  await expect(copy(made.stdout.trim())).rejects.toThrow(/outside of the artifact/);
});
