import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseDocument } from "yaml";
import packageJson from "../package.json" with { type: "json" };

/** Where the images lie, by what they hold. */
export interface PushedImages {
  registry: string;
  digests: { operator: string; kernels: string };
}

const valuePaths = { operator: ["image"], kernels: ["pods", "image"] } as const;

/**
 * Packages the chart; with images, so that by its defaults it takes these, by digest. Returns its file name.
 * @param helm The program.
 */
export function packageChart(
  helm: string,
  repository: string,
  output: string,
  images?: PushedImages,
): string {
  const folder = mkdtempSync(join(tmpdir(), "tanren-chart-"));
  try {
    const chart = join(folder, "tanren");
    cpSync(join(repository, "charts/tanren"), chart, { recursive: true });
    const values = join(chart, "values.yaml");
    if (images) writeFileSync(values, withDigests(readFileSync(values, "utf8"), images));
    const words = ["package", chart, "--destination", output];
    execFileSync(helm, words, {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, HOME: folder },
    });
    return `tanren-${packageJson.version}.tgz`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The values that name these images; what they say beside, comments too, stays. */
export function withDigests(values: string, { registry, digests }: PushedImages): string {
  const document = parseDocument(values);
  document.setIn(["global", "imageRegistry"], registry);
  for (const part of ["operator", "kernels"] as const)
    document.setIn([...valuePaths[part], "digest"], digests[part]);
  return document.toString({ lineWidth: 0 });
}
