import { expect, test } from "vitest";
import { alertRules } from "../../charts/src/alerts.ts";
import { anchors, prose, read } from "./markdown.ts";

const links = alertRules.groups
  .flatMap(({ rules }) => rules)
  .map(({ annotations }) => annotations.runbook_url);

test("every alert links to a section of the runbook, and every such section is an alert's", () => {
  const page = "docs/operations.md";
  const sections = prose(read(page)).filter((line) => /^### Tanren/.test(line));
  expect(links.every((link) => link.startsWith(`${page}#`))).toBe(true);
  const named = links.map((link) => link.slice(page.length + 1));
  expect(named.filter((anchor) => !anchors(read(page)).includes(anchor))).toEqual([]);
  expect(sections.map((line) => line.slice("### ".length).toLowerCase()).toSorted()).toEqual(
    named.toSorted(),
  );
});
