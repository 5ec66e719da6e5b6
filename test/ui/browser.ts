import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Browser, chromium, type Page } from "playwright-core";

/** A headless Chromium of this machine; nothing is downloaded. */

const executablePath = process.env.TANREN_CHROMIUM ?? "/usr/bin/chromium";
const pictures = new URL("../../build/ui/", import.meta.url).pathname;

export function openBrowser(): Promise<Browser> {
  // Within a container there are no namespaces to make a sandbox of; every page is ours.
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
}

export interface Look {
  width: number;
  theme: "light" | "dark";
  language?: "en" | "ja";
}

/** A page, and what went wrong in it: errors of scripts, refused by its policy, or asked of elsewhere. */
export interface Tab {
  page: Page;
  problems: string[];
}

export async function openTab(browser: Browser, { width, theme, language = "en" }: Look): Promise<Tab> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: theme,
    locale: language === "ja" ? "ja-JP" : "en-GB",
  });
  const page = await context.newPage();
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(String(error)));
  page.on("console", (message) => {
    // What a request was answered with is for the page to say.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      problems.push(message.text());
  });
  page.on("dialog", (dialog) => {
    problems.push(`dialog ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (hostname !== "127.0.0.1" && !["file:", "data:", "blob:"].includes(protocol))
      problems.push(`asked ${request.url()}`);
  });
  return { page, problems };
}

/** Waits until nothing that the page asked for is under way. */
export async function settled(page: Page): Promise<void> {
  await page.locator("h1").first().waitFor();
  await page.locator(".spinner, [aria-busy=true]").first().waitFor({ state: "detached", timeout: 60_000 });
}

/** Another address of the page, with everything that it asks for. */
export async function show(page: Page, hash: string): Promise<void> {
  await page.evaluate(`window.location.hash = ${JSON.stringify(hash)}`);
  await settled(page);
}

/** For people to look at, below build/ui/. */
export async function picture(page: Page, name: string): Promise<void> {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
}
