import fc from "fast-check";
import { expect, test } from "vitest";
import type { Event } from "../../cluster/objects.ts";
import { anObject, at, start, trainingProgress } from "../../testing/cli-objects.ts";
import { printListing } from "../commands/get.ts";
import { readableLogLine } from "../commands/logs.ts";
import { treeLines } from "../commands/tree.ts";
import { describeObject } from "../describe/describe.ts";
import { kinds } from "../kinds.ts";
import { treeOf } from "../lineage/tree.ts";
import { jsonView, liveView, plainView } from "../watch/views.ts";
import { terminalOf } from "./terminal.ts";

/** Whatever programs, models and statuses say, a terminal obeys none of it. */

const obeyed = /[^\P{Cc}\n\t]|[\u202a-\u202e\u2066-\u2069]/u;

/** What hostile output is made of: ANSI, OSC, C1, writing direction, line breaks, and any text. */
const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        "\u001b[2J",
        "\u001b]52;c;cm0gLXJm\u0007",
        "\u009b31m",
        "\u202e",
        "\u2066",
        "\r",
        "\u007f",
        "\b",
      ),
      fc.string({ unit: "binary", maxLength: 8 }),
    ),
    { minLength: 1, maxLength: 6 },
  )
  .map((parts) => parts.join(""));

/** A terminal of 80 columns that notes what it is sent. */
function aTerminal() {
  let written = "";
  const stream = {
    isTTY: true,
    columns: 80,
    rows: 24,
    hasColors: () => false,
    write(text: string) {
      written += text;
      return true;
    },
  } as unknown as NodeJS.WriteStream;
  return { stream, terminal: terminalOf(stream), written: () => written };
}

const objectThatSays = (text: string) =>
  anObject("PretrainRun", "base", {
    root: ["False", text, text],
    spec: { model: { directory: { claimName: text } }, note: text },
    status: {
      progress: { ...trainingProgress, stage: text, unit: text, metrics: [{ name: text, value: text }] },
      stages: [{ name: text, state: "Running", metrics: [{ name: text, value: text }] }],
      attempts: [{ stage: text, number: 1, jobName: "x", startTime: at(0), reason: text, message: text }],
      artifact: {
        type: "model",
        stage: text,
        claimName: text,
        path: text,
        digest: text,
        sizeBytes: 1,
        parents: [{ name: text, digest: text, reference: text }],
      },
    },
  });

const eventThatSays = (text: string): Event => ({
  apiVersion: "events.k8s.io/v1",
  kind: "Event",
  metadata: { ...anObject("Event", "e").metadata, uid: "e" },
  regarding: {
    apiVersion: "tanren.dev/v1alpha1",
    kind: "PretrainRun",
    namespace: "default",
    name: "base",
    uid: "u",
  },
  type: "Warning",
  reason: text,
  note: text,
  action: "Reconcile",
  eventTime: at(0),
  reportingController: "tanren",
  reportingInstance: "tanren",
});

const kind = kinds.find(({ resource }) => resource.kind === "PretrainRun");
if (kind === undefined) throw new Error("PretrainRun is one of the kinds");
const now = () => start;

type Terminal = ReturnType<typeof aTerminal>;

const ways: [string, (terminal: Terminal, text: string) => void][] = [
  [
    "get",
    ({ terminal }, text) =>
      printListing(
        terminal,
        { kind, objects: [objectThatSays(text)] },
        { wide: true, prefix: true, now: start },
      ),
  ],
  [
    "describe, with Events",
    ({ terminal }, text) =>
      terminal.print(
        ...describeObject(objectThatSays(text), [eventThatSays(text)], { columns: 80, now: start }),
      ),
  ],
  [
    "tree",
    ({ terminal }, text) => {
      const object = objectThatSays(text);
      terminal.print(
        ...treeLines(
          treeOf(object, [object], () => undefined),
          80,
        ),
      );
    },
  ],
  ["logs", ({ terminal }, text) => terminal.print(readableLogLine(JSON.stringify({ event: text, text })))],
  [
    "run without a live table",
    ({ terminal }, text) => {
      const view = plainView(terminal, now);
      view.onObject(objectThatSays(text));
      view.onWarning(eventThatSays(text));
      view.finish([objectThatSays(text)]);
    },
  ],
  [
    "JSON",
    ({ terminal }, text) => {
      terminal.json(objectThatSays(text), 2);
      jsonView(terminal, now).onWarning(eventThatSays(text));
    },
  ],
];

test.each(ways)("%s sends a terminal nothing that it obeys", (_, show) => {
  fc.assert(
    fc.property(hostile, (text) => {
      const terminal = aTerminal();
      show(terminal, text);
      expect(terminal.written()).not.toMatch(obeyed);
    }),
  );
});

test("a live table sends only its own sequences", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const { stream, terminal, written } = aTerminal();
      const view = liveView(stream, terminal, now);
      view.tick([objectThatSays(text)]);
      view.onWarning(eventThatSays(text));
      view.onNotice(text);
      view.finish([objectThatSays(text)]);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the table's own
      const own = /\u001b\[(\?2026[hl]\r?|\?25[hl]\r?|\d+A|K|J)/g;
      expect(written().replaceAll(own, "")).not.toMatch(obeyed);
    }),
  );
});

test("what programs read is the very text", () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const { terminal, written } = aTerminal();
      terminal.json({ text });
      expect(JSON.parse(written())).toEqual({ text });
    }),
  );
});
