import { afterEach, expect, test } from "vitest";
import { startTraceCollector } from "../testing/trace-collector.ts";
import { exportSpans } from "./export.ts";
import { inPart, inSpan } from "./spans.ts";

/** What a collector receives of the operator's spans. */

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

async function collector() {
  const started = await startTraceCollector();
  ends.push(started.close);
  return started;
}

const part = (name: string) => () => ({ name, attributes: {} });

function recording(endpoint: string, samplingRatio = 1) {
  const problems: string[] = [];
  const end = exportSpans({ endpoint, samplingRatio, instance: "a", report: (said) => problems.push(said) });
  ends.push(end);
  return { end, problems };
}

test("a call within a reconcile is a part of its span, through awaits; one outside is none", async () => {
  const { spans, endpoint } = await collector();
  const { end } = recording(endpoint);

  const result = await inSpan("reconcile Corpus", { "tanren.name": "web" }, async (span) => {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await inPart(part("get jobs"), async () => "seen");
    return span.traceId;
  });
  await inPart(part("get leases"), async () => "renewed");
  await end();

  const [reconcile] = spans.filter(({ name }) => name === "reconcile Corpus");
  expect(spans.map(({ name }) => name).toSorted()).toEqual(["get jobs", "reconcile Corpus"]);
  expect(reconcile).toMatchObject({ traceId: result, attributes: [{ key: "tanren.name" }] });
  expect(spans.find(({ name }) => name === "get jobs")).toMatchObject({
    traceId: reconcile?.traceId,
    parentSpanId: reconcile?.spanId,
  });
});

test("an error marks the span it leaves, and is still the caller's", async () => {
  const { spans, endpoint } = await collector();
  const { end } = recording(endpoint);

  const failing = inSpan("reconcile Corpus", {}, () => Promise.reject(new Error("the API server is away")));
  await expect(failing).rejects.toThrow("the API server is away");
  await end();

  expect(spans).toMatchObject([{ status: { code: 2, message: "the API server is away" } }]);
});

test("a share of none sends none, and the work is done all the same", async () => {
  const { spans, endpoint } = await collector();
  const { end } = recording(endpoint, 0);

  expect(await inSpan("reconcile Corpus", {}, (span) => Promise.resolve(span.traceId))).toBeUndefined();
  await end();

  expect(spans).toEqual([]);
});

test("a collector that is away is said, and nobody waits for it", async () => {
  const { close, endpoint } = await startTraceCollector();
  await close();
  const { end, problems } = recording(endpoint);

  expect(await inSpan("reconcile Corpus", {}, async () => "done")).toBe("done");
  await end();

  expect(problems.join("\n")).toMatch(/ECONNREFUSED/);
});

test("without a tracer the work is done", async () => {
  expect(await inSpan("reconcile Corpus", {}, async ({ traceId }) => traceId ?? "none")).toBe("none");
});
