import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kinds } from "../../operator/cli/kinds.ts";
import { localTarget } from "../../operator/cli/target/local.ts";
import { collectReport, fillIn } from "../../operator/cli/viewing/report.ts";
import { openView } from "../../operator/cli/viewing/view.ts";
import { type Look, openBrowser, openTab, picture, show } from "./browser.ts";
import { builtPage, hostile, Stage } from "./stage.ts";

/** The page as `make ui` builds it and `tanren ui` serves it, in a real browser. */

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const stage = new Stage();
let browser: Browser;
let address = "";

beforeAll(async () => {
  await stage.open();
  await stage.makeChain();
  [browser, address] = await Promise.all([openBrowser(), stage.serve()]);
}, 60_000);
afterAll(async () => {
  await browser?.close();
  await stage.close();
});

const pages = {
  chain: "#/",
  runs: "#/objects/runs",
  corpus: "#/corpora/default/manuals/",
  run: "#/pretrainruns/default/base/",
  curves: "#/pretrainruns/default/base/curves",
  "run under way": "#/contextextensions/default/long/",
  positions: "#/contextextensions/default/long/positions",
  "failed run": "#/pretrainruns/default/bad/",
  spec: "#/pretrainruns/default/base/spec",
  lineage: "#/pretrainruns/default/base/lineage",
  evaluation: "#/evaluations/default/gate/",
  items: "#/evaluations/default/gate/items",
  endpoint: "#/inferencedeployments/default/chat/",
  chat: "#/inferencedeployments/default/chat/chat",
  "one that is not there": "#/corpora/default/none/",
};

async function opened(look: Look) {
  const tab = await openTab(browser, look);
  await tab.page.goto(address);
  await tab.page.locator("h1").first().waitFor();
  return tab;
}

interface Violation {
  id: string;
  nodes: { html: string }[];
}

async function violations(page: Page): Promise<string[]> {
  const found: { violations: Violation[] } = await page.evaluate("window.axe.run()");
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
}

describe.each<Look>([
  { width: 360, theme: "light" },
  { width: 360, theme: "dark", language: "ja" },
  { width: 1440, theme: "light", language: "ja" },
  { width: 1440, theme: "dark" },
])("at $width pixels, $theme", (look) => {
  test("every page is there, for screen readers too, and nothing of it is wide or wrong", async () => {
    const { page, problems } = await openTab(browser, look);
    await page.addInitScript(axe);
    await page.goto(address);
    for (const [name, hash] of Object.entries(pages)) {
      await show(page, hash);
      await picture(page, `${name.replaceAll(" ", "-")}-${look.width}-${look.theme}`);
      expect.soft(await violations(page), name).toEqual([]);
      const isWide = await page.evaluate("document.documentElement.scrollWidth > window.innerWidth");
      const wide = await page.evaluate(
        "[...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth).map((e) => e.outerHTML.slice(0, 200)).slice(-2)",
      );
      expect.soft(isWide, `${name} is wider than the window: ${wide}`).toBe(false);
    }
    expect(await page.title()).not.toContain("hit");
    expect(problems).toEqual([]);
    await page.context().close();
  }, 120_000);
});

test("what documents and models say is text", async () => {
  const { page, problems } = await opened({ width: 1440, theme: "light" });
  await show(page, pages["failed run"]);
  await page.getByText(hostile, { exact: false }).first().waitFor();
  await show(page, pages.corpus);
  await page
    .getByRole("combobox", { name: "Documents" })
    .selectOption({ label: "learned: classified_dirty" });
  const dirty = page.locator(".document-text", { hasText: "onerror=" });
  await dirty.first().waitFor();
  expect(await page.locator(".document img, .document script, .document a").count()).toBe(0);
  await show(page, pages.chat);
  const prompt = page.getByRole("textbox", { name: "Message" }).first();
  await prompt.fill("hello");
  await prompt.press("Enter");
  await page.locator(".markdown strong", { hasText: "Hello" }).first().waitFor();
  await page.getByText("onerror=", { exact: false }).first().waitFor();
  expect(await page.locator(".markdown img, .markdown script, .markdown a[href^='javascript']").count()).toBe(
    0,
  );
  expect(await page.title()).not.toContain("hit");
  expect(problems).toEqual([]);
  await page.context().close();
}, 60_000);

test("Enter that takes what an input method proposes sends nothing", async () => {
  const { page } = await opened({ width: 1440, theme: "light" });
  await show(page, pages.chat);
  const prompt = page.getByRole("textbox", { name: "Message" }).first();
  await prompt.fill("かんじ");
  await prompt.dispatchEvent("compositionstart");
  await prompt.dispatchEvent("keydown", { key: "Enter", keyCode: 229, isComposing: true });
  expect(await prompt.inputValue()).toBe("かんじ");
  await prompt.dispatchEvent("compositionend");
  await prompt.press("Enter");
  await page.locator(".markdown").first().waitFor();
  expect(await prompt.inputValue()).toBe("");
  await page.context().close();
}, 60_000);

test("the token leaves the address at once; without it the page asks for one", async () => {
  const { page } = await opened({ width: 1440, theme: "light" });
  expect(page.url()).not.toContain("token");
  await page.reload();
  await page.getByText("manuals").first().waitFor();
  await page.context().close();
  const { page: stranger } = await openTab(browser, { width: 1440, theme: "light" });
  await stranger.goto(address.replace(/token=.*/, "token=wrong"));
  await stranger.getByText('belongs to one "tanren ui"', { exact: false }).waitFor();
  expect(await stranger.getByText("manuals").count()).toBe(0);
  await stranger.context().close();
}, 60_000);

test("while the operator is away the page says so and shows what it knew, and it comes back by itself", async () => {
  const { page, problems } = await opened({ width: 1440, theme: "light" });
  await page.getByText("manuals").first().waitFor();
  await stage.stopOperator();
  await page.getByText("manuals").first().waitFor();
  await stage.startOperator();
  await stage.make("Corpus", "newcomer", {});
  await page.getByText("newcomer").first().waitFor({ timeout: 30_000 });
  await page.locator(".where .live").waitFor();
  expect(problems).toEqual([]);
  await page.context().close();
}, 60_000);

test("while the server is away the page says so, and it comes back by itself", async () => {
  const { page } = await opened({ width: 1440, theme: "light" });
  await page.getByText("manuals").first().waitFor();
  await page.route("**/api/**", (route) => route.abort());
  await page.reload();
  await page.locator(".banner.offline", { hasText: "the server does not answer" }).waitFor();
  await page.unroute("**/api/**");
  await page.getByText("manuals").first().waitFor({ timeout: 30_000 });
  await page.locator(".where .live").waitFor();
  expect(await page.locator(".banner.offline").count()).toBe(0);
  await page.context().close();
}, 60_000);

test("a report is one file that opens from a disk, with its data inside, and asks nobody", async () => {
  const target = localTarget(stage.directory, (words) => `"tanren ${words}"`);
  const connection = await target.connect();
  const objects = (
    await Promise.all(
      kinds.map(({ resource }) => connection.cluster.list(resource, { namespace: "default" })),
    )
  ).flat();
  connection.close();
  const base = objects.find(({ metadata }) => metadata.name === "base");
  if (base === undefined) throw new Error("no run base");
  const view = await openView(target);
  const report = await collectReport(view, base as never, objects as never, new Date());
  view.close();
  const file = join(stage.directory, "base.html");
  writeFileSync(file, fillIn(String(builtPage().get("report.html")), report));
  const { page, problems } = await openTab(browser, { width: 1440, theme: "light" });
  await page.goto(`file://${file}`);
  await page.getByRole("heading", { name: "base" }).first().waitFor();
  await page.evaluate('window.location.hash = "#/pretrainruns/default/base/curves"');
  await page.locator("canvas").first().waitFor();
  await picture(page, "report");
  expect(problems).toEqual([]);
  await page.context().close();
}, 60_000);

test("the whole page is below 300 KiB as it is sent", () => {
  const sent = [...builtPage()].filter(([name]) => name !== "report.html");
  const bytes = sent.reduce((sum, [, content]) => sum + gzipSync(content).length, 0);
  console.error(`the page is ${(bytes / 1024).toFixed(1)} KiB compressed`);
  expect(bytes).toBeLessThan(300 * 1024);
});

test("two thousand objects: what one types is answered within 100 ms of processor", async () => {
  for (let number = 0; number < 2_000; number++) await stage.make("Corpus", `many-${number}`, {});
  const { page } = await opened({ width: 1440, theme: "light" });
  await show(page, "#/objects/corpora");
  await page.getByRole("link", { name: /many-/ }).first().waitFor();
  const filter = page.getByRole("searchbox").or(page.getByRole("textbox")).first();
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return metrics.find(({ name }) => name === "TaskDuration")?.value ?? 0;
  };
  const before = await worked();
  const keys = "many-1999";
  for (const key of keys) {
    await filter.press(key);
    await sleep(100);
  }
  const each = ((await worked()) - before) / keys.length;
  console.error(`a key among 2,000 objects takes ${(each * 1000).toFixed(0)} ms of processor`);
  expect(each).toBeLessThan(0.1);
  await page.getByRole("link", { name: /many-1999$/ }).waitFor();
  expect(await page.getByRole("link", { name: /many-/ }).count()).toBe(1);
  await page.context().close();
}, 120_000);
