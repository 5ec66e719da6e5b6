import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Builder } from "../../images/builder.ts";
import { lockOf } from "../../images/folder-lock.ts";

/** What the builder keeps, in a storage of its own (root, buildah). */

vi.setConfig({ testTimeout: 120_000 });
const directory = mkdtempSync(join(tmpdir(), "tanren-storage-"));
const context = join(directory, "context");
const builder = new Builder(directory);
const buildah = (...words: string[]) =>
  execFileSync(
    "buildah",
    ["--root", join(directory, "storage"), "--runroot", join(directory, "run"), ...words],
    {
      encoding: "utf8",
    },
  ).trim();
/** Ids of all images, intermediate ones too. */
const images = () => buildah("images", "--all", "--quiet", "--no-trunc").split("\n").sort();

/** An image with one file that never changes and one with this content, by way of a stage. */
async function build(tag: string, content: string): Promise<string> {
  writeFileSync(join(context, "content"), content);
  const containerfile = join(context, "Containerfile");
  return builder.build({ tag, containerfile, stages: ["packages"], context, args: {} });
}

/** Keeps what these names need where nobody else uses the storage; says whether it was so. */
async function keepOnly(...names: string[]): Promise<boolean> {
  let alone = false;
  await lockOf(directory).alone(async () => {
    alone = true;
    await builder.keepOnly(names);
  });
  return alone;
}

beforeAll(() => {
  mkdirSync(context);
  const stages = ["FROM scratch AS packages", "COPY Containerfile /", "COPY content /made", "FROM scratch"];
  writeFileSync(join(context, "Containerfile"), [...stages, "COPY --from=packages /made /", ""].join("\n"));
});
afterAll(() => {
  buildah("rm", "--all");
  rmSync(directory, { recursive: true });
});

test("the images of an older build go, and those that the next one starts from stay", async () => {
  await build("first", "1");
  const first = images();
  const second = await build("second", "2");
  expect(await keepOnly("second")).toBe(true);
  const kept = images();
  // The stage's first step is the same in both.
  expect(kept.filter((id) => first.includes(id))).toHaveLength(1);
  expect(await build("second", "2")).toBe(second);
  expect(images()).toEqual(kept);
});

test("what a killed build left is removed, unless another process uses the storage", async () => {
  const abandoned = buildah("from", "--pull-never", "second");
  writeFileSync(join(directory, "tmp/half"), "");
  const lock = join(import.meta.dirname, "../../images/folder-lock.ts");
  const program = `(await import(${JSON.stringify(lock)})).lockOf(${JSON.stringify(directory)});
    console.log("held"); setInterval(() => {}, 1000);`;
  const other = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(other.stdout, "data");
  expect(await keepOnly()).toBe(false);
  expect(buildah("containers", "--format", "{{.ContainerName}}")).toBe(abandoned);
  other.kill("SIGKILL");
  await once(other, "exit");
  expect(await keepOnly("second")).toBe(true);
  expect(buildah("containers", "--quiet")).toBe("");
  expect(readdirSync(join(directory, "tmp"))).toEqual([]);
  for (let time = 1; time <= 2; time++) {
    expect(await keepOnly()).toBe(true);
    expect(images()).toEqual([""]);
  }
});
