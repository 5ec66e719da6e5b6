import { expect, test } from "vitest";
import { align } from "../parts/plot.tsx";
import { flowOf } from "./corpus/funnel.ts";
import { answered, quantile, rate, total } from "./endpoint/endpoint-metrics.ts";
import { panelsOf } from "./run/panels.ts";
import { linesOfDocuments } from "./run/positions.ts";
import { smooth } from "./run/smoothing.ts";

test("smoothing keeps a constant, starts at the first value and passes over gaps", () => {
  expect(smooth([2, 2, null, 2], 0.9)).toEqual([2, 2, null, 2].map((one) => one && expect.closeTo(one)));
  expect(smooth([1, 3], 0)).toEqual([1, 3]);
  const [first, second] = smooth([1, 3], 0.5);
  expect(first).toBe(1);
  // (0.5·0.5·1 + 0.5·3) / (1 - 0.5²)
  expect(second).toBeCloseTo(1.75 / 0.75);
});

test("lines of different x lie over their union; a log axis has no place for zero", () => {
  const lines = [
    { label: "a", x: [0, 1, 2], y: [5, 0, 7], color: 0 },
    { label: "b", x: [2, 3], y: [1, 2], color: 1 },
  ];
  expect(align(lines, false, false).data).toEqual([
    [0, 1, 2, 3],
    [5, 0, 7, undefined],
    [undefined, undefined, 1, 2],
  ]);
  expect(align(lines, true, true).data).toEqual([
    [1, 2, 3],
    [null, 7, undefined],
    [undefined, 1, 2],
  ]);
});

test("every figure stands in one picture, also one that nobody knows", () => {
  const names = [
    "loss",
    "held_out_loss",
    "held_out_loss_ja",
    "lr",
    "grad_norm",
    "rewards/margins",
    "new_figure",
  ];
  const panels = panelsOf(names);
  expect(panels.flatMap(({ series }) => series).toSorted()).toEqual(names.toSorted());
  expect(panels[0]?.series).toEqual(["loss", "held_out_loss", "held_out_loss_ja"]);
  expect(panels.at(-1)).toMatchObject({ id: "new_figure", title: undefined });
});

test("error bars are 95 % intervals of the mean over documents", () => {
  const rows = [1, 2, 3, 4].map((loss, document) => ({
    label: "base",
    document,
    language: "en",
    from: 0,
    to: 8,
    loss,
  }));
  const [line] = linesOfDocuments(rows);
  expect(line?.y).toEqual([2.5]);
  // Standard deviation 1.291 over the root of four documents.
  expect((line?.high?.[0] ?? 0) - 2.5).toBeCloseTo(1.96 * (1.29099 / 2), 4);
});

test("requests for answers are counted, not those of probes, and rates are of two readings", () => {
  const values = (answers: number) => ({
    'tanren_serve_requests_total{route="/readyz",status="200"}': 972,
    'tanren_serve_requests_total{route="/v1/models",status="200"}': 10,
    'tanren_serve_requests_total{route="/v1/chat/completions",status="200"}': answers,
    'tanren_serve_requests_total{route="/v1/completions",status="200"}': 2,
    'tanren_serve_requests_created{route="/v1/completions",status="200"}': 1.8e9,
  });
  expect(answered(values(10))).toBe(12);
  const [first, second] = [
    { at: 1000, values: values(10) },
    { at: 6000, values: values(20) },
  ];
  expect(rate(answered, first, second)).toBe(2);
  expect(rate(answered, undefined, first)).toBeUndefined();
  // The pod that counted is another one.
  expect(rate(answered, second, { at: 9000, values: values(1) })).toBeUndefined();
});

test("quantiles are reckoned within their bucket, as Prometheus does", () => {
  const values = {
    'h_bucket{le="0.1"}': 50,
    'h_bucket{le="0.2"}': 90,
    'h_bucket{le="+Inf"}': 100,
    'n_total{route="a"}': 2,
    'n_total{route="b"}': 3,
  };
  expect(quantile(values, "h", 0.5)).toBeCloseTo(0.1);
  expect(quantile(values, "h", 0.7)).toBeCloseTo(0.15);
  expect(quantile(values, "h", 0.99)).toBeUndefined();
  expect(quantile({}, "h", 0.5)).toBeUndefined();
  expect(total(values, "n_total")).toBe(5);
});

test("a step of the funnel has what came in, stayed and left over all languages", () => {
  const row = (
    language: "ja" | "en",
    documentsIn: number,
    documentsOut: number,
    dropped: Record<string, number>,
  ) => ({
    step: "rules",
    language,
    documentsIn,
    documentsOut,
    bytesIn: 10 * documentsIn,
    bytesOut: 10 * documentsOut,
    dropped,
  });
  const rows = [row("ja", 10, 6, { short: 3, symbols: 1 }), row("en", 5, 3, { symbols: 2 })];
  expect(flowOf(rows, "documents")).toMatchObject([
    {
      in: 15,
      out: 9,
      dropped: [
        { reason: "short", documents: 3 },
        { reason: "symbols", documents: 3 },
      ],
    },
  ]);
  expect(flowOf(rows, "bytes")).toMatchObject([{ in: 150, out: 90 }]);
});
