import { existsSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import stringWidth from "string-width";
import { describe, expect, test } from "vitest";
import {
  anchors,
  byHand,
  codeSpans,
  commands,
  figures,
  links,
  pages,
  prose,
  read,
  repository,
  tableRows,
} from "./markdown.ts";

const columns = 110;

/** A table's row, a picture and a line of links cannot be broken. */
function isUnbreakable(line: string): boolean {
  const besideLinks = line.replace(/\[[^\]]*\]\([^)]*\)/g, "").replace(/^\s*[-*] /, "");
  return /^\s*\|/.test(line) || line.startsWith("![") || /^[\s·|,.]*$/.test(besideLinks);
}

describe.each(pages)("%s", (page) => {
  const text = read(page);
  const relative = links(text).filter((target) => !/^[a-z]+:/.test(target));
  const fileOf = (target: string): string => normalize(join(dirname(page), target));

  test("links to files that are there", () => {
    const files = relative.map((target) => target.replace(/#.*$/, "")).filter((target) => target !== "");
    expect(files.filter((target) => !existsSync(join(repository, fileOf(target))))).toEqual([]);
  });

  test("links to headings that are there", () => {
    const missing = relative.filter((target) => {
      const [file = "", anchor] = target.split("#");
      return anchor !== undefined && !anchors(file === "" ? text : read(fileOf(file))).includes(anchor);
    });
    expect(missing).toEqual([]);
  });

  // A Japanese character takes two columns.
  test(`has prose of at most ${columns} columns`, () => {
    const long = prose(byHand(text)).filter((line) => stringWidth(line) > columns && !isUnbreakable(line));
    expect(long).toEqual([]);
  });

  test("has tables with as many cells in each row, ended by an empty line", () => {
    const lines = prose(text);
    const cells = (line: string) => line.replace(/\\\||`[^`]*`/g, "").split("|").length;
    const wrong = lines.filter((line, index) => {
      const before = lines[index - 1] ?? "";
      if (!before.startsWith("|")) return false;
      return line.startsWith("|") ? cells(line) !== cells(before) : !/^($|#|<!--)/.test(line);
    });
    expect(wrong).toEqual([]);
  });
});

describe("README.ja.md says what README.md says", () => {
  const [english, japanese] = [read("README.md"), read("README.ja.md")];

  test("each leads to the other", () => {
    expect(links(english)).toContain("README.ja.md");
    expect(links(japanese)).toContain("README.md");
  });

  test("the same commands in the same order", () => {
    expect(commands(english)).not.toEqual([]);
    expect(commands(japanese)).toEqual(commands(english));
  });

  test("the same names and commands in tables", () => {
    const code = (text: string) => tableRows(text).map((row) => codeSpans(row.join(" ")));
    expect(code(japanese)).toEqual(code(english));
  });

  // The order within a sentence or a cell is each language's own.
  test("the same names and commands in sentences", () => {
    const code = (text: string) => codeSpans(prose(text).join("\n")).toSorted();
    expect(code(japanese)).toEqual(code(english));
  });

  test("the same figures with the same units", () => {
    const inRows = (text: string) =>
      tableRows(text).map(([what = "", value = "", ...rest]) => [
        figures(value).toSorted(),
        // Beside the values, a number without a unit may be a word in one of the languages.
        figures([what, ...rest].join(" "))
          .filter((figure) => /\D$/.test(figure))
          .toSorted(),
      ]);
    expect(inRows(japanese)).toEqual(inRows(english));
  });

  test("as many sections, and links to the same pages", () => {
    const headings = (text: string) => prose(text).filter((line) => line.startsWith("## ")).length;
    expect(headings(japanese)).toBe(headings(english));
    const own = ["README.md", "README.ja.md"];
    const others = (text: string) =>
      links(text)
        .filter((target) => !own.includes(target))
        // Pictures of the page show it in the reader's language.
        .map((target) => target.replace(/\.(en|ja)\.webp$/, ".webp"))
        .toSorted();
    expect(others(japanese)).toEqual(others(english));
  });
});
