import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The Markdown of the repository, as its readers see it. */

export const repository = fileURLToPath(new URL("../..", import.meta.url));

/** Everything written by hand: the reference is generated, GitHub's forms have their own look. */
export const pages = execFileSync("git", ["ls-files", "-co", "--exclude-standard", "*.md"], {
  cwd: repository,
  encoding: "utf8",
})
  .trim()
  .split("\n")
  .filter((page) => page !== "docs/reference.md" && !page.startsWith(".github/"));

export const read = (page: string): string => readFileSync(`${repository}/${page}`, "utf8");

/** A page without what a command writes into it between two marks. */
export const byHand = (text: string): string =>
  text.replace(/<!-- (\w+): begin -->[\s\S]*?<!-- \1: end -->/g, "");

/** Lines of a page; those of fenced blocks are empty. */
export function prose(text: string): string[] {
  let fenced = false;
  return text.split("\n").map((line) => {
    const isFence = /^\s*(```|~~~)/.test(line);
    if (isFence) fenced = !fenced;
    return fenced || isFence ? "" : line;
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

export const codeSpans = (text: string): string[] =>
  [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);

/** Targets of links and pictures. */
export const links = (text: string): string[] =>
  [
    ...prose(text)
      .join("\n")
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target = ""]) => target);

/** Names by which links reach a page's headings, as GitHub makes them. */
export const anchors = (text: string): string[] =>
  prose(text)
    .flatMap((line) => line.match(/^#+ (.+)$/)?.[1] ?? [])
    .map((heading) =>
      heading
        .toLowerCase()
        .replace(/[^\p{Letter}\p{Number}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    );

const japaneseUnits: Record<string, string> = { 秒: "s", 分: "min" };

/** Numbers with sign and unit: `1,000`, `+0.2 %`, `1e-4`, `63 s`; Japanese units by their English names. */
export const figures = (text: string): string[] =>
  [
    ...text.matchAll(
      /([+-]?\d(?:[\d,.]*\d)?(?:e-\d+)?)(?: ?(%|MiB|GiB|nats|秒|分|(?:min|s|x|M)(?![A-Za-z])))?/g,
    ),
  ].map(([, number = "", unit = ""]) => `${number}${japaneseUnits[unit] ?? unit}`);
