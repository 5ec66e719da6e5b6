import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import { codeSpans, commands, pages, prose, read, repository, tableRows } from "./markdown.ts";

const columns = 110;

describe.each(pages)("%s", (page) => {
  const text = read(page);

  test("links to files that are there", () => {
    const targets = [
      ...prose(text)
        .join("\n")
        .matchAll(/\]\(([^)\s]+)\)/g),
    ]
      .map(([, target = ""]) => target.replace(/#.*$/, ""))
      .filter((target) => target !== "" && !/^[a-z]+:/.test(target));
    const missing = targets.filter((target) => !existsSync(normalize(join(repository, dirname(page), target))));
    expect(missing).toEqual([]);
  });

  // A browser shows a line's end as a space, which Japanese text has not: there a line is a sentence.
  test.skipIf(page.endsWith(".ja.md"))(`has prose of at most ${columns} columns`, () => {
    const long = prose(text)
      .filter((line) => !line.startsWith("|") && !line.startsWith("![") && !/^\s*\|/.test(line))
      .filter((line) => stringWidth(line) > columns)
      // A link or a name cannot be broken.
      .filter((line) => line.trim().split(/\s+/).length > 2);
    expect(long).toEqual([]);
  });
});

describe("README.ja.md says what README.md says", () => {
  const [english, japanese] = [read("README.md"), read("README.ja.md")];

  test("the same commands in the same order", () => {
    expect(commands(japanese)).toEqual(commands(english));
  });

  test("the same names and commands in tables", () => {
    const code = (text: string) => tableRows(text).map((row) => codeSpans(row.join(" ")));
    expect(code(japanese)).toEqual(code(english));
  });

  test("the same figures", () => {
    // Numbers with sign, separators and exponent; the order within a cell is each language's own.
    const figures = (text: string) =>
      tableRows(text).map((row) => (row[1]?.match(/\d(?:[\d,.]*\d)?(?:e-\d+)?/g) ?? []).toSorted());
    expect(figures(japanese)).toEqual(figures(english));
  });

  test("as many sections, and links to the same pages", () => {
    const headings = (text: string) => prose(text).filter((line) => line.startsWith("## ")).length;
    expect(headings(japanese)).toBe(headings(english));
    const links = (text: string) => [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, target = ""]) => target);
    const own = ["README.md", "README.ja.md"];
    const targets = (text: string) =>
      links(text)
        .filter((target) => !own.includes(target))
        .toSorted();
    expect(targets(japanese)).toEqual(targets(english));
  });
});
