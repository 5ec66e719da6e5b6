import { pages, read } from "./markdown.ts";

/**
 * The fenced blocks of README and guides, and who runs them. Every line has a place where it is run, or a
 * reason why it is not; the three suites that run them take their lines from here.
 */

export interface Block {
  page: string;
  /** Line of the page that the block begins on. */
  line: number;
  language: string;
  text: string;
}

/** README.ja.md has the same commands: pages.test.ts compares them. */
export const executedPages = pages.filter((page) => page === "README.md" || page.startsWith("docs/guide/"));

export function blocks(page: string): Block[] {
  const text = read(page);
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([, language = "", inner = ""], index, all) => ({
      page,
      line: text.slice(0, all[index]?.index).split("\n").length,
      language,
      text: inner,
    }),
  );
}

/** Commands of a shell block: comments gone, continued lines joined. */
export const shellLines = ({ text }: Block): string[] =>
  text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");

/** test/journeys/pages.test.ts, test/command/pages.test.ts. */
export type Place = "this machine" | "control plane";

/** First match decides. A reason says who proves the same instead, or what is missing. */
const rules: readonly [pattern: RegExp, place: Place | { notRun: string }][] = [
  [/^make /, { notRun: "takes minutes; CI calls make, and workflow.test.ts knows its targets" }],
  [
    /^(tar -xzf build\/dist|ln -s tanren|tanren install-kernels)/,
    { notRun: "test/dist unpacks the archive and calls the command by all its names" },
  ],
  [/^helm /, { notRun: "test/chart/install.test.ts installs, upgrades and removes the chart" }],
  [/^(kubectl apply|sed) .*charts\/install\//, { notRun: "test/chart/install.test.ts applies these files" }],
  [/^kubectl apply .*argocd-cm/, { notRun: "test/chart/argocd.test.ts runs these health checks" }],
  [/^kubectl .*rollout status/, { notRun: "needs a node: test/node waits for this Deployment" }],
  [/^kubectl tanren (logs|chat|export) /, { notRun: "needs pods, so a node: test/node" }],
  [
    /^tanren chat --url /,
    { notRun: "needs somebody's endpoint; operator/cli/chat tests it with one of its own" },
  ],
  [/^curl /, { notRun: "needs an endpoint and its key; test/node asks one in the same way" }],
  [/^skopeo /, { notRun: "needs a registry; test/node loads the same archives" }],
  [
    /^((bin\/)?|kubectl )tanren (ui|report)\b/,
    {
      notRun:
        "needs the page that make ui builds; operator/cli/viewing and test/command/ui.test.ts serve one",
    },
  ],
  [/^kubectl port-forward/, { notRun: "needs a node; on one the page of the chart has not been run" }],
  [/^kubectl create token/, { notRun: "test/command/ui.test.ts asks for such tokens" }],
  [/^(bin\/)?tanren /, "this machine"],
  [/^(kubectl|ln|source) /, "control plane"],
];

export function placeOf(line: string): Place | { notRun: string } | undefined {
  return rules.find(([pattern]) => pattern.test(line))?.[1];
}

/** Lines of a page that a place runs, in their order. */
export const linesAt = (page: string, place: Place): string[] =>
  blocks(page)
    .filter(({ language }) => language === "")
    .flatMap(shellLines)
    .filter((line) => placeOf(line) === place);

/** Words of a line as a shell reads them; quoting is all that our lines use. */
export const wordsOf = (line: string): string[] =>
  [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? "",
  );

/**
 * The manifests that guides show, as one file: they are one story. Autoscalers, which are
 * no kinds of ours, are applied by test/scaling.
 */
export const guideManifests = (): string =>
  executedPages
    .flatMap(blocks)
    .filter(({ language, text }) => language === "yaml" && text.includes("apiVersion:"))
    .filter(({ text }) => !text.includes("scaleTargetRef:"))
    .map(({ text }) => text)
    .join("---\n");
