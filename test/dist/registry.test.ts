import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { type BuiltImage, type Pushed, push, type Tools } from "../../release/push.ts";
import { cranePath, helmPath, registryPath } from "../cluster/cluster.ts";

/** What a release pushes, by a registry of this machine that is built from source. Two small images stand for the real. */

let folder = "";
let registry: ChildProcess | undefined;
let host = "";
let tools: Tools;
let images: { operator: BuiltImage; kernels: BuiltImage };
let pushed: Pushed;

beforeAll(async () => {
  tools = { crane: await cranePath(), helm: await helmPath() };
  const program = await registryPath();
  folder = mkdtempSync(join(tmpdir(), "tanren-registry-"));
  host = `127.0.0.1:${await freePort()}`;
  const config = {
    version: "0.1",
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: host },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  registry = spawn(program, ["serve", join(folder, "config.json")], { stdio: "ignore" });
  await vi.waitFor(async () => expect((await fetch(`http://${host}/v2/`)).status).toBe(200), 10_000);
  images = { operator: smallImage("operator"), kernels: smallImage("kernels") };
  mkdirSync(join(folder, "output"));
  pushed = push({ registry: `${host}/team`, images, output: join(folder, "output"), tools, plainHttp: true });
}, 30 * 60_000);

afterAll(async () => {
  if (registry && registry.exitCode === null) {
    registry.kill();
    await once(registry, "exit");
  }
  rmSync(folder, { recursive: true, force: true });
});

const crane = (...words: string[]) =>
  execFileSync(tools.crane, [...words, "--insecure"], { encoding: "utf8" }).trim();
const helm = (...words: string[]) =>
  execFileSync(tools.helm, words, { encoding: "utf8", env: { PATH: process.env.PATH, HOME: folder } });

/** An archive such as `make images` writes, of an image with one file. */
function smallImage(part: string): BuiltImage {
  const [layer, layout, archive] = ["layer.tar", "layout", "archive.tar"].map((name) =>
    join(folder, `${part}-${name}`),
  ) as [string, string, string];
  const billOfMaterials = join(folder, `${part}.spdx.json`);
  writeFileSync(billOfMaterials, JSON.stringify({ spdxVersion: "SPDX-2.3", name: part }));
  execFileSync("tar", ["-C", folder, "-cf", layer, `${part}.spdx.json`]);
  crane("append", "--oci-empty-base", "-f", layer, "-t", `${host}/made/${part}:1`);
  crane("pull", "--format", "oci", `${host}/made/${part}:1`, layout);
  execFileSync("tar", ["-C", layout, "-cf", archive, "."]);
  return { archive, billOfMaterials };
}

test("images are in the registry by the digests that their archives have", () => {
  for (const part of ["operator", "kernels"] as const) {
    const made = crane("digest", `${host}/made/${part}:1`);
    expect(pushed[part]).toBe(`${host}/team/tanren-${part}@${made}`);
    expect(crane("digest", `${host}/team/tanren-${part}:${packageJson.version}`)).toBe(made);
  }
});

test("the chart is pulled by its digest, and takes these images by theirs", () => {
  const rendered = helm("template", "tanren", `oci://${pushed.chart}`, "--plain-http");
  expect(rendered).toContain(`image: "${pushed.operator}"`);
  expect(rendered).toContain(`"image": "${pushed.kernels}"`);
  for (const [, image = ""] of rendered.matchAll(/image"?: "(.+?)"/g))
    expect(crane("manifest", image)).toContain("layers");
});

test("bills of materials of the images are among the files", () => {
  for (const part of ["operator", "kernels"] as const)
    expect(
      readFileSync(join(folder, "output", `tanren-${part}-${packageJson.version}.spdx.json`), "utf8"),
    ).toBe(readFileSync(images[part].billOfMaterials, "utf8"));
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("no port was given");
  return address.port;
}
