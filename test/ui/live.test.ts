import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { localTarget } from "../../operator/cli/target/local.ts";
import { serveOwn } from "../../operator/cli/viewing/serve.ts";
import { small, World } from "../journeys/world.ts";
import { openBrowser, openTab, picture, settled, show } from "./browser.ts";
import { builtPage } from "./stage.ts";

/** A small chain of real kernels as a person watches it: while it runs, where one part fails, and when it is done. */

const world = new World();
let browser: Browser;
let served: Awaited<ReturnType<typeof serveOwn>>;

const steps = 40;
const manifests = [
  world.claim("files", "files"),
  small.corpus("web"),
  small.pretrain("base", {
    training: {
      ...{ learningRate: "3e-3", warmupSteps: 2, microBatchSize: 4, evaluateEverySteps: 10 },
      ...{ precision: "float32", tokens: 64 * 8 * steps, globalBatchTokens: 64 * 8 },
    },
  }),
  small.extend("long", { comparisons: [] }),
  small.corpus("broken", {
    sources: [
      {
        ...{ name: "terms", language: "ja", licence: "Apache-2.0", format: "jsonl" },
        ...{ from: { claimName: "files", path: "." }, include: ["broken.jsonl"] },
      },
    ],
    mixture: { ratios: [{ language: "ja", percent: 100 }] },
  }),
  small.pretrain("orphan", { corpus: { name: "broken" } }),
];

beforeAll(async () => {
  const whole = JSON.stringify({ text: "鍛錬とは、繰り返し鍛えることです。" });
  appendFileSync(join(world.root, "files/broken.jsonl"), `${whole}\n{"text": "no end\n`);
  const started = await world.tanren("run", "-f", world.write("chain", manifests), "--detach");
  expect(started.code, started.errors + started.output).toBe(0);
  [browser, served] = await Promise.all([
    openBrowser(),
    serveOwn(
      localTarget(world.state, (words) => `"tanren ${words}"`),
      builtPage(),
      0,
    ),
  ]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await served?.server.close();
  await world.close();
});

const box = (page: Page, name: string) =>
  page.locator(".box", { has: page.locator(".box-name", { hasText: name }) });

test("a chain under way moves by itself, what failed says why, and what is done has its figures", async () => {
  const { page, problems } = await openTab(browser, { width: 1440, theme: "light" });
  await page.goto(served.address);

  // While it runs: nobody reloads this page.
  const base = box(page, "base");
  await base.and(page.locator(".running")).waitFor({ timeout: 90_000 });
  await picture(page, "live-chain");
  await show(page, "#/pretrainruns/default/base/curves");
  const progress = page.locator(".head-progress");
  await progress.waitFor({ timeout: 60_000 });
  await page.locator(".plot canvas").first().waitFor({ timeout: 60_000 });
  const stepOf = async () =>
    Number(/(\d+) \/ \d+/.exec(await progress.innerText().catch(() => ""))?.[1] ?? steps);
  const before = await stepOf();
  expect(before).toBeLessThan(steps);
  await expect.poll(stepOf, { timeout: 60_000 }).toBeGreaterThan(before);
  await picture(page, "live-curves");
  await show(page, "#/pretrainruns/default/base/logs");
  await page.locator(".log-line", { hasText: '"event"' }).first().waitFor({ timeout: 30_000 });

  // What failed.
  await show(page, "#/corpora/default/broken/");
  await page.locator(".badge", { hasText: "RatiosNotMet" }).waitFor({ timeout: 90_000 });
  expect(await page.locator(".sentence").innerText()).toContain("no document in that language is left");
  await page.getByRole("row", { name: /tokenize.* 64 / }).waitFor();
  await picture(page, "live-failed");
  await show(page, "#/corpora/default/broken/logs");
  await page.locator(".log-line").first().waitFor();
  await show(page, "#/pretrainruns/default/orphan/curves");
  await page.locator(".sentence", { hasText: "broken" }).waitFor();
  await page.locator(".empty").waitFor();

  // When it is done, still without a reload.
  await show(page, "#/");
  await box(page, "long").and(page.locator(".done")).waitFor({ timeout: 120_000 });
  await picture(page, "live-done");
  await show(page, "#/corpora/default/web/");
  await page.locator(".flow").waitFor();
  await show(page, "#/pretrainruns/default/base/");
  for (const measured of [/^memory per rank .*MiB .*MiB$/, /^speed .*tokens\/s .*tokens\/s$/])
    await page.getByRole("row", { name: measured }).waitFor();
  await show(page, "#/pretrainruns/default/base/curves");
  await page.getByRole("button", { name: "Table" }).first().click();
  const lastRow = page.locator(".plot").first().getByRole("row").last();
  expect(await lastRow.innerText()).toMatch(new RegExp(`^${steps}\\b.*\\d\\.\\d`, "s"));
  await show(page, "#/contextextensions/default/long/positions");
  await page.locator(".plot canvas").waitFor();
  await page.getByText("95 %", { exact: false }).waitFor();
  await picture(page, "live-positions");
  await show(page, "#/contextextensions/default/long/lineage");
  await page.getByRole("link", { name: /base/ }).first().waitFor();
  await show(page, "#/contextextensions/default/long/spec");
  await page
    .getByRole("row", { name: /Succeeded.*True/ })
    .first()
    .waitFor();
  await show(page, "#/contextextensions/default/long/");
  await picturesAreDrawn(page);
  expect(problems).toEqual([]);
  await page.context().close();
}, 240_000);

test("a report of it has pictures and logs inside, and opens from a disk", async () => {
  const file = join(world.root, "long.html");
  const made = await world.tanren("report", "contextextension", "long", "-o", file);
  expect(made.code, made.errors).toBe(0);
  const { page, problems } = await openTab(browser, { width: 1440, theme: "light" });
  await page.goto(`file://${file}`);
  await settled(page);
  await picturesAreDrawn(page);
  await picture(page, "live-report");
  await show(page, "#/contextextensions/default/long/logs");
  await page.locator(".log-line", { hasText: '"event"' }).first().waitFor();
  await show(page, "#/contextextensions/default/long/positions");
  await page.locator(".plot canvas").waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
}, 60_000);

async function picturesAreDrawn(page: Page): Promise<void> {
  await page.locator(".pictures img").first().waitFor();
  const widths = await page.evaluate(
    "Promise.all([...document.querySelectorAll('.pictures img')].map((one) => one.decode().then(() => one.naturalWidth)))",
  );
  expect(widths).not.toContain(0);
}
