import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { helmPath } from "../cluster/cluster.ts";
import { documents, type GivenValues, type Manifest, release } from "./release.ts";

/** Helm, built from source, with a folder of its own for what it would keep in a home. */
export interface Helm {
  (args: readonly string[], options?: { values?: object }): { code: number; stdout: string; stderr: string };
  stop(): void;
}

export const chart = join(import.meta.dirname, "../../charts/tanren");

/** What a template of the chart makes; `template` is its file. */
export interface Rendered {
  template: string;
  object: Manifest;
}

/** What the chart makes of values. */
export class Renderer {
  readonly #helm: Helm;
  readonly #known = new Map<string, Rendered[]>();

  constructor(helm: Helm) {
    this.#helm = helm;
  }

  /** @throws Error with Helm's words where it refuses the values. */
  templates(
    values: GivenValues = {},
    { name, namespace } = release,
    more: readonly string[] = [],
  ): Rendered[] {
    const args = ["template", name, chart, "--namespace", namespace, ...more];
    const key = JSON.stringify([args, values]);
    const known = this.#known.get(key);
    if (known) return known;
    const { code, stdout, stderr } = this.#helm(args, { values });
    if (code !== 0) throw new Error(stderr);
    const found = stdout.split(/^---$/m).flatMap(renderedIn);
    this.#known.set(key, found);
    return found;
  }

  objects(...what: Parameters<Renderer["templates"]>): Manifest[] {
    return this.templates(...what).map(({ object }) => object);
  }
}

/** The definitions are long and the same whatever the values: a text is read once. */
const read = new Map<string, Rendered[]>();

function renderedIn(document: string): Rendered[] {
  const known = read.get(document);
  if (known) return known;
  const template = /^# Source: tanren\/templates\/(.+)$/m.exec(document)?.[1] ?? "";
  const found = documents(document).map((object) => ({ template, object }));
  read.set(document, found);
  return found;
}

/** For a test file: builds Helm before its tests. */
export function useHelm(): { helm: (...call: Parameters<Helm>) => ReturnType<Helm>; render: () => Renderer } {
  let built: { helm: Helm; renderer: Renderer } | undefined;
  const ready = () => {
    if (built === undefined) throw new Error("Helm is built before the tests, not before they are listed");
    return built;
  };
  beforeAll(async () => {
    const helm = await buildHelm();
    built = { helm, renderer: new Renderer(helm) };
  }, 30 * 60_000);
  afterAll(() => built?.helm.stop());
  return { helm: (...call) => ready().helm(...call), render: () => ready().renderer };
}

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
