import fc from "fast-check";
import { expect, test } from "vitest";
import { type Column, renderTable } from "./table.ts";
import { widthOf } from "./width.ts";

const columns: Column[] = [
  { title: "NAME", least: 6 },
  { title: "COUNT", align: "right" },
  { title: "NOTE", least: 8, drop: 1 },
];
const rows = [
  ["base", "1", "all is well with this one"],
  ["日本語の事前学習", "2000", ""],
].map((row) => row.map((text) => ({ text })));

test("columns line up by width, numbers at the right, no trailing blanks", () => {
  expect(renderTable(columns, rows, { columns: 80 })).toEqual([
    "NAME              COUNT  NOTE",
    "base                  1  all is well with this one",
    "日本語の事前学習   2000",
  ]);
});

test("the last column gives way first, then those before it", () => {
  expect(renderTable(columns, rows, { columns: 36 })[1]).toBe("base                  1  all is wel…");
  expect(renderTable(columns, rows, { columns: 26 })).toEqual([
    "NAME       COUNT  NOTE",
    "base           1  all is …",
    "日本語の…   2000",
  ]);
});

test("what does not fit even when cut is left out, and no line is wider than the terminal", () => {
  const lines = renderTable(columns, rows, { columns: 20 });
  expect(lines[0]).toBe("NAME           COUNT");
  for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(20);
});

test("a column without text is left out, unless it is to be kept", () => {
  const bare = [[{ text: "base" }, { text: "1" }, { text: "" }]];
  expect(renderTable(columns, bare, { columns: 80 })[0]).toBe("NAME  COUNT");
  expect(renderTable(columns, bare, { columns: 80, keepEmpty: true })[0]).toBe("NAME  COUNT  NOTE");
});

test("line breaks in a cell do not break the table", () => {
  expect(renderTable([{ title: "NOTE" }], [[{ text: "one\ntwo" }]], { columns: 80 })).toEqual([
    "NOTE",
    "one two",
  ]);
});

test("paint surrounds the padded text and does not count", () => {
  const painted = [[{ text: "a", paint: (text: string) => `\u001b[31m${text}\u001b[39m` }, { text: "b" }]];
  expect(renderTable([{ title: "LONG" }, { title: "NEXT" }], painted, { columns: 80 })[1]).toBe(
    "\u001b[31ma   \u001b[39m  b",
  );
});

test("a column that wraps is told whole, below its own title", () => {
  const wrapping: Column[] = [{ title: "NAME" }, { title: "NOTE", least: 8, wraps: true }];
  expect(
    renderTable(
      wrapping,
      rows.map(([name, , note]) => [name ?? { text: "" }, note ?? { text: "" }]),
      { columns: 32 },
    ),
  ).toEqual([
    "NAME              NOTE",
    "base              all is well",
    "                  with this one",
    "日本語の事前学習",
  ]);
});

test("no line is wider than the terminal, whatever the columns and texts", () => {
  const text = fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom("日本語の事前学習", "x".repeat(90)));
  const column = fc.record(
    {
      title: fc.constantFrom("NAME", "状態", "COUNT"),
      least: fc.integer({ min: 1, max: 30 }),
      drop: fc.integer({ min: 1, max: 3 }),
      wraps: fc.boolean(),
      align: fc.constantFrom("left" as const, "right" as const),
    },
    { requiredKeys: ["title"] },
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(column, text), { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 30, max: 200 }),
      (made, width) => {
        const lines = renderTable(
          made.map(([column]) => column),
          [made.map(([, text]) => ({ text }))],
          { columns: width },
        );
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      },
    ),
  );
});
