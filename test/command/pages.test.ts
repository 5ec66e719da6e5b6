import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { executedPages, guideManifests, linesAt } from "../docs/blocks.ts";
import { repository } from "../docs/markdown.ts";
import { type Bench, openBench } from "./command.ts";

/**
 * The lines of README and guides that are about a cluster, run as they stand on a real control plane without an
 * operator, in the test's own namespace instead of the one they name.
 */

const patience = 120_000;
let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
  await bench.write("guides.yaml", guideManifests());
  const apply = ["apply", "--server-side", "-f", join(bench.directory, "guides.yaml"), "-n", bench.namespace];
  expect(await bench.kubectl(...apply)).toMatchObject({ code: 0 });
}, patience);
afterAll(() => bench?.close(), patience);

/** What ends otherwise than well, as nothing reconciles here: how. Without a code, once the test has seen enough. */
const endings: readonly [pattern: RegExp, code: number | undefined, output: RegExp][] = [
  // Watched for ever.
  [/ get .*(--watch|-w)\b/, undefined, /base/],
  [/ run .*--until complete/, undefined, /PretrainRun\/base: Pending/],
  // Nothing has failed.
  [/ retry /, 1, /there is nothing to retry/],
];

/** What is said besides where all is well: of objects that another page has applied, and of what is not there yet. */
const remarks = /^(Warning: .*last-applied-configuration|warning: .* does not exist).*\n/gm;

const pagesHere = executedPages.filter((page) => linesAt(page, "control plane").length > 0);

test("README and the command's guide have lines to run", () => {
  expect(pagesHere).toEqual(expect.arrayContaining(["README.md", "docs/guide/command.md"]));
});

// Deletions come last in their block; README's objects and the guides' are different ones.
describe.each(pagesHere)("%s", { timeout: patience }, (page) => {
  test.each(linesAt(page, "control plane"))("%s", async (line) => {
    const words = line
      .replaceAll(/\bteam-a\b/g, bench.namespace)
      .replaceAll(/\bDIR\b/g, "guides.yaml")
      .replaceAll("examples/", `${repository}/examples/`)
      .replaceAll("$PWD/", `${repository}/`);
    const ending = endings.find(([pattern]) => pattern.test(line));
    const [, expected, output] = ending ?? [];
    const watched = ending !== undefined && expected === undefined;
    const { code, out, error } = await bench.shell(words, watched ? output : undefined);
    if (output === undefined)
      expect({ code, error: error.replaceAll(remarks, "") }).toEqual({ code: 0, error: "" });
    else {
      if (!watched) expect(code).toBe(expected);
      expect(out + error).toMatch(output);
    }
    if (/ (get|describe) /.test(`${line} `)) expect(out).toMatch(/assistant|base|web/);
  });
});
