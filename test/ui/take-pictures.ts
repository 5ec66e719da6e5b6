import { readFileSync, writeFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { localTarget } from "../../operator/cli/target/local.ts";
import { serveOwn } from "../../operator/cli/viewing/serve.ts";
import { openBrowser, openTab, settled, show } from "./browser.ts";
import { builtPage } from "./stage.ts";

/**
 * The pictures that README shows, of what `make quickstart` has left: docs/pictures/ui-NAME.LANGUAGE.webp. Of a
 * chain that is not complete there are none.
 */

const pictures = new URL("../../docs/pictures/", import.meta.url);
const apiKey = new URL("../../build/quickstart/api-key", import.meta.url);
const width = 1280;
const mostHeight = 800;
const quality = 75;

const questions = { en: "What is a corpus?", ja: "位置補間とは何ですか。" };

const shown: Record<string, { hash: string; see: string }> = {
  chain: { hash: "#/", see: ".chain .box" },
  curves: { hash: "#/pretrainruns/default/base/curves", see: ".plot canvas" },
  positions: { hash: "#/contextextensions/default/long/positions", see: ".plot canvas" },
  corpus: { hash: "#/corpora/default/manuals/", see: ".flow" },
  chat: { hash: "#/inferencedeployments/default/assistant/chat", see: ".chat" },
};

/** Answers as the quickstart asks for them: always the same ones. */
async function ask(page: Page, question: string): Promise<void> {
  await page.locator(".api-key input").fill(readFileSync(apiKey, "utf8").trim());
  await page.locator(".parameters summary").click();
  for (const [index, value] of ["0", "1", "60"].entries()) {
    const field = page.locator(".parameters input[type=number]").nth(index);
    await field.fill(value);
    await field.press("Tab");
  }
  const message = page.locator(".chat-input textarea");
  await message.fill(question);
  await message.press("Enter");
  await page.locator(".said.assistant").waitFor();
  await settled(page);
  if ((await page.locator(".said [role=alert]").count()) > 0)
    throw new Error(`the endpoint answers: ${await page.locator(".said [role=alert]").innerText()}`);
}

/** As WebP, which playwright does not write: a sixth of the bytes. */
async function take(page: Page, name: string): Promise<void> {
  await page.evaluate("window.scrollTo(0, 0)");
  const bottom = Number(
    await page.evaluate("document.querySelector('main').lastElementChild.getBoundingClientRect().bottom"),
  );
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", {
    ...{ format: "webp", quality },
    clip: { x: 0, y: 0, width, height: Math.min(mostHeight, Math.ceil(bottom) + 16), scale: 1 },
  });
  writeFileSync(new URL(`ui-${name}.webp`, pictures), Buffer.from(data, "base64"));
}

const target = localTarget(".tanren", (words) => `"tanren ${words}"`);
const { server, address } = await serveOwn(target, builtPage(), 0);
const browser = await openBrowser();
try {
  for (const language of ["en", "ja"] as const) {
    const { page, problems } = await openTab(browser, { width, theme: "light", language });
    await page.goto(address);
    await page.locator(".box").first().waitFor();
    const unfinished = await page.locator(".box:not(.done) .box-name").allInnerTexts();
    if (unfinished.length > 0)
      throw new Error(`${unfinished.join(", ")}: not complete; run "make quickstart" before "make pictures"`);
    for (const [name, { hash, see }] of Object.entries(shown)) {
      await show(page, hash);
      await page.locator(see).first().waitFor();
      if (name === "chat") await ask(page, questions[language]);
      await take(page, `${name}.${language}`);
    }
    if (problems.length > 0) throw new Error(problems.join("\n"));
    await page.context().close();
  }
} finally {
  await browser.close();
  await server.close();
}
