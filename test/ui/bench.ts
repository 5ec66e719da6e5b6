import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { finished } from "node:stream/promises";
import { gzipSync } from "node:zlib";
import type { Browser, CDPSession } from "playwright-core";
import { openBrowser, openTab, show } from "./browser.ts";
import { builtPage, Stage } from "./stage.ts";

/**
 * Figures of the page: size, first paint, memory of page and server beside many objects, and how long a run of a
 * million steps takes to open. Written to build/bench/ui.json.
 */

const objects = 2_000;
const steps = 1_000_000;
const rounds = 5;
const repository = new URL("../../", import.meta.url).pathname;
const look = { width: 1440, theme: "light" } as const;

const median = (values: number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
const milliseconds = (value: number) => Math.round(value);

/** Five figures of each step, such as training writes. */
async function writeSteps(file: string): Promise<void> {
  const out = createWriteStream(file);
  for (let first = 1; first <= steps; first += 10_000) {
    const rows = Array.from({ length: 10_000 }, (_, index) => {
      const step = first + index;
      const figures = { loss: 2 + 5 / Math.sqrt(step), grad_norm: 1 + Math.random(), lr: 9.6e-5, mfu: 0.41 };
      const cost = { tokens_per_second: 18_400 + (step % 97), tokens: step * 4096, seconds: step * 0.22 };
      return `${JSON.stringify({ step, ...figures, ...cost })}\n`;
    });
    if (!out.write(rows.join(""))) await once(out, "drain");
  }
  out.end();
  await finished(out);
}

/** `tanren ui` as a person starts it. */
async function startServer(state: string) {
  const words = ["ui", "--state", state, "--no-open"];
  const child = spawn(join(repository, "bin/tanren"), words, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const resident = () =>
      1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]);
    const stop = async () => {
      child.kill("SIGINT");
      await once(child, "close");
    };
    return { address: line.trim(), resident, stop };
  }
  throw new Error("tanren ui has ended without an address");
}

/** Milliseconds from asking for the address to the first paint, and to objects that can be read. */
async function firstLook(browser: Browser, address: string): Promise<{ paint: number; objects: number }> {
  const { page } = await openTab(browser, look);
  await page.goto(address);
  await page.locator(".box").first().waitFor();
  const told = await page.evaluate<{ paint: number; objects: number }>(
    "({ paint: performance.getEntriesByName('first-contentful-paint')[0].startTime, objects: performance.now() })",
  );
  await page.context().close();
  return told;
}

async function heapOf(session: CDPSession): Promise<number> {
  await session.send("HeapProfiler.enable");
  await session.send("HeapProfiler.collectGarbage");
  return (await session.send("Runtime.getHeapUsage")).usedSize;
}

const stage = new Stage();
const browser = await openBrowser();
try {
  await stage.open();
  await stage.makeChain();
  await writeSteps(join(stage.directory, "claims/default/models/runs/base/train/metrics.jsonl"));
  for (let number = 0; number < objects; number++) await stage.make("Corpus", `many-${number}`, {});
  const server = await startServer(stage.directory);
  const startedBytes = server.resident();

  const looks = [];
  for (let round = 0; round < rounds; round++) looks.push(await firstLook(browser, server.address));
  const { page, problems } = await openTab(browser, look);
  await page.goto(server.address);
  await page.locator(".box").first().waitFor();
  const session = await page.context().newCDPSession(page);
  const heap = await heapOf(session);

  const openings = [];
  for (let round = 0; round < 3; round++) {
    await show(page, "#/");
    const began = performance.now();
    await show(page, "#/pretrainruns/default/base/curves");
    await page.locator(".plot canvas").first().waitFor();
    openings.push(performance.now() - began);
  }
  const [firstOpening = Number.NaN, ...laterOpenings] = openings;
  if (problems.length > 0) throw new Error(problems.join("\n"));

  const sent = [...builtPage()].map(([name, content]) => ({
    name,
    bytes: gzipSync(content, { level: 9 }).length,
  }));
  const sizeOf = (isReport: boolean) =>
    sent
      .filter(({ name }) => (name === "report.html") === isReport)
      .reduce((sum, { bytes }) => sum + bytes, 0);
  const figures = {
    machine: { processor: cpus()[0]?.model, cpus: cpus().length, load: loadavg()[0], node: process.version },
    compressedKiB: { page: sizeOf(false) / 1024, report: sizeOf(true) / 1024 },
    firstPaintMilliseconds: milliseconds(median(looks.map(({ paint }) => paint))),
    [`${objects}Objects`]: {
      readableMilliseconds: milliseconds(median(looks.map((one) => one.objects))),
      pageHeapMiB: mebibytes(heap),
      serverStartedMiB: mebibytes(startedBytes),
      serverMiB: mebibytes(server.resident()),
    },
    [`${steps}Steps`]: {
      firstMilliseconds: milliseconds(firstOpening),
      againMilliseconds: milliseconds(median(laterOpenings)),
    },
  };
  await server.stop();
  const text = JSON.stringify(figures, null, 2);
  mkdirSync(join(repository, "build/bench"), { recursive: true });
  writeFileSync(join(repository, "build/bench/ui.json"), `${text}\n`);
  console.log(text);
} finally {
  await browser.close();
  await stage.close();
}
