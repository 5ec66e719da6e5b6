import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

/** There is one version, package.json's. Where else it is written, the same must stand. */

const PackageLock = z.object({
  version: z.string(),
  packages: z.object({ "": z.object({ version: z.string() }) }),
});
const Chart = z.object({ version: z.string(), appVersion: z.string() });

export interface Versions {
  version: string;
  /** What others say, by where they say it. */
  elsewhere: Record<string, string>;
}

export function versions(repository: string): Versions {
  const read = (path: string) => readFileSync(join(repository, path), "utf8");
  const { version } = z.object({ version: z.string() }).parse(JSON.parse(read("package.json")));
  const lock = PackageLock.parse(JSON.parse(read("package-lock.json")));
  const chart = Chart.parse(parse(read("charts/tanren/Chart.yaml")));
  const [, kernels = "no version"] = /^version = "(.+)"$/m.exec(read("kernels/pyproject.toml")) ?? [];
  return {
    version,
    elsewhere: {
      "package-lock.json: version": lock.version,
      'package-lock.json: packages[""].version': lock.packages[""].version,
      "charts/tanren/Chart.yaml: version": chart.version,
      "charts/tanren/Chart.yaml: appVersion": chart.appVersion,
      "kernels/pyproject.toml: version": kernels,
    },
  };
}

/** What keeps a tag from being released, in sentences. */
export function problemsOfRelease(
  tag: string,
  { version, elsewhere }: Versions,
  changelog: string,
): string[] {
  const problems = Object.entries(elsewhere)
    .filter(([, other]) => other !== version)
    .map(([where, other]) => `${where} is ${other}; package.json says ${version}: write that`);
  if (tag !== `v${version}`)
    problems.push(
      `the tag is ${tag}; package.json says ${version}: tag v${version}, or raise the version first`,
    );
  const newest = /^## \[(?!Unreleased\])([^\]]+)\]/m.exec(changelog)?.[1];
  if (newest !== version)
    problems.push(
      `the newest release in CHANGELOG.md is ${newest ?? "none"}: write "## [${version}] - DATE" above what is released`,
    );
  return problems;
}
