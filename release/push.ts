import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import { repository } from "./build.ts";
import { packageChart } from "./chart.ts";

/** Pushes images and chart to a registry, by digest. */

const { version } = packageJson;

export interface Tools {
  crane: string;
  helm: string;
}

/** An image as images/build.ts leaves it. */
export interface BuiltImage {
  /** OCI archive. */
  archive: string;
  /** SPDX. */
  billOfMaterials: string;
}

export interface Pushed {
  /** References by digest, of what is to be signed. */
  operator: string;
  kernels: string;
  chart: string;
}

interface Publication {
  /** Registry with any path, such as ghcr.io/owner. */
  registry: string;
  images: { operator: BuiltImage; kernels: BuiltImage };
  output: string;
  tools: Tools;
  /** Without TLS: for a registry of this machine. */
  plainHttp?: boolean;
}

/** The chart that goes out names the images that went before it, by digest. */
export function push({ registry, images, output, tools, plainHttp = false }: Publication): Pushed {
  const digests = {
    operator: pushImage("operator", images.operator),
    kernels: pushImage("kernels", images.kernels),
  };
  for (const part of ["operator", "kernels"] as const)
    copyFileSync(images[part].billOfMaterials, join(output, `tanren-${part}-${version}.spdx.json`));
  const chart = packageChart(tools.helm, repository, output, { registry, digests });
  const words = [
    "push",
    join(output, chart),
    `oci://${registry}/charts`,
    ...(plainHttp ? ["--plain-http"] : []),
  ];
  // Helm says it on one stream or the other, by its version.
  const said = execFileSync("sh", ["-c", '"$0" "$@" 2>&1', tools.helm, ...words], { encoding: "utf8" });
  const [, digest] = /^Digest: (sha256:[0-9a-f]{64})$/m.exec(said) ?? [];
  if (digest === undefined) throw new Error(`helm push named no digest: ${said}`);
  return {
    operator: `${registry}/tanren-operator@${digests.operator}`,
    kernels: `${registry}/tanren-kernels@${digests.kernels}`,
    chart: `${registry}/charts/tanren@${digest}`,
  };

  /** Returns the digest: the archive's own, which the registry has now. */
  function pushImage(part: string, { archive }: BuiltImage): string {
    const layout = mkdtempSync(join(tmpdir(), "tanren-image-"));
    try {
      execFileSync("tar", ["-xf", archive, "-C", layout]);
      const insecure = plainHttp ? ["--insecure"] : [];
      const reference = `${registry}/tanren-${part}:${version}`;
      const answer = execFileSync(tools.crane, ["push", ...insecure, layout, reference], {
        encoding: "utf8",
      });
      const [digest] = /sha256:[0-9a-f]{64}$/.exec(answer.trim()) ?? [];
      if (digest === undefined) throw new Error(`crane push of ${reference} named no digest: ${answer}`);
      return digest;
    } finally {
      rmSync(layout, { recursive: true, force: true });
    }
  }
}
