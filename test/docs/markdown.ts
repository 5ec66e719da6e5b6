import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The Markdown of the repository, as its readers see it. */

export const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Everything written by hand: the reference is generated, the dev container's and GitHub's forms have their own look. */
export const pages = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
  cwd: repository,
  encoding: "utf8",
})
  .trim()
  .split("\n")
  .filter((page) => page !== "docs/reference.md" && !page.startsWith(".github/"));

export const read = (page: string): string => readFileSync(`${repository}/${page}`, "utf8");

/** Lines outside fenced blocks. */
export function prose(text: string): string[] {
  let fenced = false;
  return text.split("\n").filter((line) => {
    const isFence = /^\s*(```|~~~)/.test(line);
    if (isFence) fenced = !fenced;
    return !fenced && !isFence;
  });
}

/** Command lines of fenced blocks, without comments. */
export function commands(text: string): string[] {
  return [...text.matchAll(/^```\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .map((line) => line.replace(/\s+#.*$/, "").trim())
    .filter((line) => line !== "");
}

/** Rows of tables as cells, without the line under the header. */
export function tableRows(text: string): string[][] {
  return prose(text)
    .filter((line) => line.startsWith("|") && !/^\|[\s|:-]+\|$/.test(line))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

export const codeSpans = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
