import { appendFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inputsDigest } from "./inputs.ts";

/** The repository's own .dockerignore and Containerfile over a few small files. */
const origin = fileURLToPath(new URL("..", import.meta.url));
let repository: string;

beforeEach(() => {
  repository = mkdtempSync(join(tmpdir(), "tanren-inputs-"));
  for (const file of [".dockerignore", "package.json", "package-lock.json", "operator/Containerfile"])
    cpSync(join(origin, file), join(repository, file));
  for (const folder of ["crds", "operator/testing/worlds", "operator/runs", "ui/dist"])
    mkdirSync(join(repository, folder), { recursive: true });
  for (const file of ["operator/manager.ts", "operator/runs/step.ts", "operator/runs/step.test.ts"])
    writeFileSync(join(repository, file), "export {};\n");
  writeFileSync(join(repository, "operator/testing/worlds/world.ts"), "export {};\n");
  writeFileSync(join(repository, "ui/dist/index.html"), "<!doctype html>");
});

afterEach(() => rmSync(repository, { recursive: true }));

const digest = () => inputsDigest(repository, "operator/Containerfile", []);

function digestAfterChangeOf(file: string): string {
  appendFileSync(join(repository, file), "// a comment\n");
  return digest();
}

test.each(["operator/runs/step.test.ts", "operator/testing/worlds/world.ts"])(
  "a comment in %s leaves the image's name as it is",
  (file) => {
    const before = digest();
    expect(digestAfterChangeOf(file)).toBe(before);
  },
);

test.each([
  "operator/manager.ts",
  "operator/runs/step.ts",
  "operator/Containerfile",
  "package-lock.json",
  ".dockerignore",
  "ui/dist/index.html",
])("a change of %s gives another image", (file) => {
  const before = digest();
  expect(digestAfterChangeOf(file)).not.toBe(before);
});
