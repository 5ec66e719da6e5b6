import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

/**
 * Opens an address that has a secret in it in the person's browser. Words of a command line are there for
 * every user of the machine to read, so that they name a file, which only this user can read, and that leads
 * on.
 */
export async function openBrowser(address: string): Promise<{ forget(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), "tanren-ui-"));
  const file = join(directory, "open.html");
  const page = `<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url=${address}"><a href="${address}">Tanren</a>\n`;
  await writeFile(file, page, { mode: 0o600 });
  const opener = process.platform === "darwin" ? "open" : "xdg-open";
  const child = spawn(opener, [pathToFileURL(file).href], { stdio: "ignore", detached: true });
  // Without a browser there is the address, which a person can open anywhere on this machine.
  child.on("error", () => {});
  child.unref();
  return { forget: () => rm(directory, { recursive: true, force: true }) };
}

/** Whether somebody sits before this machine: over SSH there is no screen. */
export const hasScreen = (environment: NodeJS.ProcessEnv): boolean =>
  process.platform === "darwin" ||
  environment.DISPLAY !== undefined ||
  environment.WAYLAND_DISPLAY !== undefined;
