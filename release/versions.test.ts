import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { unreachable } from "../operator/testing/cli-objects.ts";
import { OperatorProcess } from "../test/adapter/operator-process.ts";
import { problemsOfRelease, versions } from "./versions.ts";

const repository = join(import.meta.dirname, "..");
const stated = versions(repository);

test("every place that writes a version writes package.json's", () => {
  expect(Object.keys(stated.elsewhere).length).toBeGreaterThan(4);
  for (const [where, version] of Object.entries(stated.elsewhere))
    expect(version, where).toBe(stated.version);
});

test("generated manifests and the API reference name the same version", () => {
  const read = (path: string) => readFileSync(join(repository, path), "utf8");
  const labels = [
    ...read("charts/install/install.yaml").matchAll(/^ +app\.kubernetes\.io\/version: (.+)$/gm),
  ];
  expect(new Set(labels.map(([, version]) => version))).toEqual(new Set([stated.version]));
  expect(read("charts/install/install.yaml")).toContain(`image: tanren-operator:${stated.version}\n`);
  expect(read("docs/reference.md")).toContain(`\`tanren-kernels:${stated.version}\``);
});

test("the command says it", () => {
  expect(execFileSync(join(repository, "bin/tanren"), ["--version"], { encoding: "utf8" })).toBe(
    `${stated.version}\n`,
  );
});

test("the operator says it in its log and its metrics, before it has seen a cluster", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tanren-version-"));
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, JSON.stringify(unreachable));
  const operator = new OperatorProcess("a", folder, kubeconfig);
  try {
    await operator.says(/^serving /);
    expect(operator.logs).toContainEqual(expect.objectContaining({ version: stated.version }));
    const { text } = await operator.ask("/metrics");
    expect(text).toMatch(
      new RegExp(`^tanren_build_info\\{version="${stated.version}",node="24[.0-9]+"\\} 1$`, "m"),
    );
  } finally {
    await operator.end();
    rmSync(folder, { recursive: true });
  }
});

describe("a release", () => {
  const one = { version: "1.2.0", elsewhere: { "Chart.yaml: version": "1.2.0" } };
  const changelog = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-12-01\n\n## [1.1.0] - 2026-11-01\n";

  test("goes out when tag, files and changelog name one version", () => {
    expect(problemsOfRelease("v1.2.0", one, changelog)).toEqual([]);
  });

  test.each([
    ["a tag of another version", "v1.3.0", one, changelog, /the tag is v1\.3\.0; package\.json says 1\.2\.0/],
    [
      "a file of another version",
      "v1.2.0",
      { ...one, elsewhere: { "Chart.yaml: version": "1.1.0" } },
      changelog,
      /Chart\.yaml: version is 1\.1\.0; package\.json says 1\.2\.0/,
    ],
    [
      "a changelog that stops before it",
      "v1.2.0",
      one,
      changelog.replace(/## \[1\.2\.0\].*\n/, ""),
      /is 1\.1\.0/,
    ],
    ["a changelog without a release", "v1.2.0", one, "## [Unreleased]\n", /is none/],
  ])("is stopped by %s", (_, tag, all, text, sentence) => {
    expect(problemsOfRelease(tag, all, text)).toEqual([expect.stringMatching(sentence)]);
  });
});
