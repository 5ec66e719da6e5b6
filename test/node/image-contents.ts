import { existsSync, readdirSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { type Image, type Images, openImage } from "../../images/build.ts";
import type { World } from "./world.ts";

const Named = z.looseObject({ name: z.string(), version: z.string() });
const BillOfMaterials = z.looseObject({
  packages: z.array(z.looseObject({ name: z.string(), versionInfo: z.string().default("") })),
});

/** Packages as the package managers' own records in the image tell them, as "name version". */
async function installed(root: string): Promise<Set<string>> {
  return new Set([...(await ofDebian(root)), ...(await ofPython(root)), ...(await ofNpm(root))]);
}

async function ofDebian(root: string): Promise<string[]> {
  const records = (await readFile(join(root, "var/lib/dpkg/status"), "utf8")).trim().split(/\n\n+/);
  return records.map((record) => nameAndVersion(record, /^Package: (.+)$/m, /^Version: (.+)$/m));
}

async function ofPython(root: string): Promise<string[]> {
  const site = join(root, "opt/tanren/lib/python3.11/site-packages");
  if (!existsSync(site)) return [];
  const folders = readdirSync(site).filter((name) => name.endsWith(".dist-info"));
  const records = await Promise.all(folders.map((name) => readFile(join(site, name, "METADATA"), "utf8")));
  return records.map((record) => nameAndVersion(record, /^Name: (.+)$/m, /^Version: (.+)$/m));
}

async function ofNpm(root: string): Promise<string[]> {
  const modules = join(root, "tanren/node_modules");
  if (!existsSync(modules)) return [];
  const files = readdirSync(modules, { recursive: true, encoding: "utf8" }).filter((path) =>
    /(^|node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path),
  );
  const records = await Promise.all(files.map((path) => readFile(join(modules, path), "utf8")));
  return records
    .map((record) => Named.safeParse(JSON.parse(record)).data)
    .filter((record) => record !== undefined)
    .map(({ name, version }) => `${name} ${version}`);
}

const nameAndVersion = (record: string, name: RegExp, version: RegExp) =>
  `${name.exec(record)?.[1]} ${version.exec(record)?.[1]}`;

/** Python's names are the same in any case and with - or _ (PEP 503). */
const normal = (line: string) => line.toLowerCase().replaceAll(/[-_.]+(?=.* )/g, "-");

/** What builds, fetches or raises rights: it has no business in an image that runs. */
const unwanted = [
  "gcc",
  "cc",
  "c++",
  "make",
  "ld",
  "pip",
  "pip3",
  "uv",
  "npm",
  "npx",
  "curl",
  "wget",
  "git",
  "ssh",
  "sudo",
];

export function imageContents(world: () => World): void {
  const parts: (keyof Images)[] = ["operator", "kernels"];
  const opened = <T>(part: keyof Images, look: (root: string, image: Image) => Promise<T>): Promise<T> => {
    const image = world().images[part];
    return openImage(image, (root) => look(root, image));
  };

  test.for(parts)("every package in the image of the %s is in its bill of materials", (part) =>
    opened(part, async (root, { billOfMaterials }) => {
      const { packages } = BillOfMaterials.parse(JSON.parse(await readFile(billOfMaterials, "utf8")));
      const listed = new Set(packages.map(({ name, versionInfo }) => normal(`${name} ${versionInfo}`)));
      const found = [...(await installed(root))].map(normal);
      expect(found.length).toBeGreaterThan(100);
      expect(found.filter((one) => !listed.has(one))).toEqual([]);
    }),
  );

  test.for(parts)("the image of the %s has nothing that builds, fetches or raises rights", (part) =>
    opened(part, async (root) => {
      const folders = ["bin", "sbin", "usr/bin", "usr/sbin", "usr/local/bin", "opt/tanren/bin"];
      const programs = folders.flatMap((folder) => {
        const path = join(root, folder);
        return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
      });
      const names = new Set(programs.map((path) => path.slice(path.lastIndexOf("/") + 1)));
      expect(unwanted.filter((name) => names.has(name))).toEqual([]);
      expect(existsSync(join(root, "usr/local/lib/node_modules"))).toBe(false);
      const raising = await Promise.all(
        programs.map(async (path) => ({ path, mode: (await stat(path).catch(() => ({ mode: 0 }))).mode })),
      );
      expect(raising.filter(({ mode }) => (mode & 0o6000) !== 0)).toEqual([]);
    }),
  );

  test("the operator's image has its source without the tests, and no development dependency", () =>
    opened("operator", async (root) => {
      const source = readdirSync(join(root, "tanren/operator"), { recursive: true, encoding: "utf8" });
      expect(source).toContain("manager.ts");
      expect(source.filter((path) => /\.test\.ts$|^testing/.test(path))).toEqual([]);
      expect(existsSync(join(root, "tanren/node_modules/vitest"))).toBe(false);
    }));
}
