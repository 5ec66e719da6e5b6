// @vitest-environment node
import { describe, expect, test } from "vitest";
import type { Chain } from "../../objects/chains.ts";
import { layoutOf } from "./chain-layout.ts";

/** One box after another, and a second one below the third. */
function aChain(columns: number): Chain {
  const nodes = Array.from({ length: columns }, (_, column) => ({ key: String(column), column, row: 0 }));
  return {
    ...{ key: "0", namespace: "default", columns, rows: 2, urgency: 0 },
    nodes: [...nodes, { key: "below", column: 2, row: 1 }],
    edges: nodes.slice(1).map(({ key, column }) => ({
      ...{ from: String(column - 1), to: key, role: "model", outdated: false },
    })),
  };
}

describe.each([400, 700, 1330, 2160, 3700])("in %i pixels", (width) => {
  test.each([3, 6, 20])(
    "a chain of %i columns is never wider, no box lies on another, all boxes are there",
    (columns) => {
      const layout = layoutOf(aChain(columns), width);
      expect(layout?.width).toBeLessThanOrEqual(width);
      const { boxes = [], box = { width: 0, height: 0 } } = layout ?? {};
      expect(boxes).toHaveLength(columns + 1);
      for (const [index, one] of boxes.entries())
        for (const other of boxes.slice(index + 1))
          expect(
            Math.abs(one.left - other.left) >= box.width || Math.abs(one.top - other.top) >= box.height,
          ).toBe(true);
      for (const { left, top } of boxes) {
        expect(left + box.width).toBeLessThanOrEqual(layout?.width ?? 0);
        expect(top + box.height).toBeLessThanOrEqual(layout?.height ?? 0);
      }
    },
  );
});

test("six columns stand beside each other at 1,440 pixels, and boxes are no wider than they need be", () => {
  const tops = (width: number) => new Set(layoutOf(aChain(6), width)?.boxes.map(({ top }) => top)).size;
  expect(tops(1330)).toBe(2);
  expect(tops(900)).toBe(3);
  expect(layoutOf(aChain(6), 3700)?.box.width).toBe(236);
});

test("a line past boxes of its row does not go behind them", () => {
  const chain = aChain(4);
  chain.edges = [{ from: "0", to: "3", role: "model", outdated: false }];
  const pathOf = (width: number) => layoutOf(chain, width)?.lines[0]?.path ?? "";
  // Above the row, so that no box has it in its way.
  expect(pathOf(1400)).toContain(" -10");
});

test("where two boxes have no room beside each other there is no graph", () => {
  expect(layoutOf(aChain(3), 300)).toBeUndefined();
});
