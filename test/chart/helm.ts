import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { helmPath } from "../cluster/cluster.ts";
import { release } from "./release.ts";

/** Helm, built from source, with a folder of its own for what it would keep in a home. */
export interface Helm {
  (args: readonly string[], options?: { values?: object }): { code: number; stdout: string; stderr: string };
  stop(): void;
}

export const chart = join(import.meta.dirname, "../../charts/tanren");

/** Helm's name and namespace of the release, as every command wants them. */
export const named = [release.Name, chart, "--namespace", release.Namespace];

export async function buildHelm(kubeconfig?: string): Promise<Helm> {
  const program = await helmPath();
  const home = mkdtempSync(join(tmpdir(), "tanren-helm-"));
  const env = {
    PATH: process.env.PATH,
    HOME: home,
    ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }),
  };
  let files = 0;
  const helm: Helm = (args, { values } = {}) => {
    const given = values === undefined ? [] : ["--values", valuesFile(values)];
    const { status, stdout, stderr, error } = spawnSync(program, [...args, ...given], {
      encoding: "utf8",
      env,
      maxBuffer: 64 * 1024 * 1024,
    });
    if (error) throw error;
    return { code: status ?? 1, stdout, stderr };
  };
  const valuesFile = (values: object) => {
    const path = join(home, `values-${++files}.json`);
    // JSON, which YAML 1.1 and 1.2 read alike.
    writeFileSync(path, JSON.stringify(values));
    return path;
  };
  helm.stop = () => rmSync(home, { recursive: true, force: true });
  return helm;
}
