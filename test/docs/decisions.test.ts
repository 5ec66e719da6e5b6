import { expect, test } from "vitest";
import { pages, read } from "./markdown.ts";

const decisions = pages.filter((page) => /^docs\/decisions\/\d{4}-/.test(page));

test.each(decisions)("%s has number, date, status, context, decision and consequences", (page) => {
  const text = read(page);
  const number = Number(page.match(/\d{4}/)?.[0]);
  expect(text).toMatch(
    new RegExp(`^# ${number}\\. .+\n\nDate: \\d{4}-\\d{2}-\\d{2}\\. Status: (accepted|superseded)\\b`),
  );
  expect(text.match(/^## .+$/gm)).toEqual(["## Context", "## Decision", "## Consequences"]);
});

test("the index lists every decision with its title, and numbers have no gap", () => {
  const index = [...read("docs/decisions/README.md").matchAll(/^\| \[(.+)\]\((.+)\) \|$/gm)];
  expect(index.map(([, title, file]) => [title, `docs/decisions/${file}`])).toEqual(
    decisions.map((page) => [read(page).match(/^# (.+)$/m)?.[1], page]),
  );
  expect(decisions.map((page) => Number(page.match(/\d{4}/)?.[0]))).toEqual(
    decisions.map((_, index) => index + 1),
  );
});
