import { expect, test } from "vitest";
import { kinds } from "../api/kinds.ts";
import { UnreachableError } from "../cluster/kubernetes/client/errors.ts";
import type { KubernetesObject } from "../cluster/objects.ts";
import { type Cluster, ForbiddenError, type WatchEvent } from "../cluster/port.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import type { View } from "./view.ts";
import { streamObjects } from "./watch-stream.ts";

type Tell = (event: WatchEvent<KubernetesObject>) => void;

/** A cluster that tells of corpora what the test says, and refuses the kinds that the test names. */
function aView(refused: readonly string[] = [], error: Error = new ForbiddenError("not allowed to list it")) {
  const told: { tell: Tell; change: (sentence: string) => void; closed: number } = {
    tell: () => {},
    change: () => {},
    closed: 0,
  };
  const watch = ((resource: { kind: string }, _: unknown, onEvent: Tell) => {
    if (resource.kind === "Corpus") told.tell = onEvent;
    const synced = refused.includes(resource.kind) ? Promise.reject(error) : Promise.resolve();
    return { synced, close: () => told.closed++ };
  }) as unknown as Cluster["watch"];
  const view = {
    cluster: { watch },
    onChange(call: (sentence: string) => void) {
      told.change = call;
      return () => {};
    },
  } as unknown as View;
  return { view, told };
}

function aSink() {
  const lines: { type: string; [field: string]: unknown }[] = [];
  const sink = { room: Number.POSITIVE_INFINITY, drain: () => {}, failure: "" };
  return {
    lines,
    sink,
    line: {
      write(text: string) {
        lines.push(JSON.parse(text));
        return --sink.room > 0;
      },
      onDrain(call: () => void) {
        sink.drain = call;
      },
      fail(error: unknown) {
        sink.failure = String(error);
      },
    },
  };
}

const anObject = (name: string, version: number): KubernetesObject => ({
  apiVersion: "tanren.dev/v1alpha1",
  kind: "Corpus",
  metadata: {
    name,
    namespace: "default",
    uid: name,
    resourceVersion: String(version),
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
});

const settled = () => new Promise((resolve) => setImmediate(resolve));
const short = (lines: ReturnType<typeof aSink>["lines"]) =>
  lines.map(({ type, object, kind }) => {
    const about = object as KubernetesObject | undefined;
    return [type, about && `${about.metadata.name}@${about.metadata.resourceVersion}`, kind]
      .filter(Boolean)
      .join(" ");
  });

test("a reader that is behind is told the newest of every object, once it has caught up", async () => {
  const { view, told } = aView();
  const { lines, sink, line } = aSink();
  streamObjects(view, {}, line, new FakeClock());
  await settled();
  expect(short(lines)).toEqual(["SYNCED"]);
  sink.room = 1;
  told.tell({ type: "ADDED", object: anObject("a", 1) });
  for (let version = 2; version <= 500; version++)
    told.tell({ type: "MODIFIED", object: anObject("a", version) });
  told.tell({ type: "ADDED", object: anObject("b", 501) });
  told.tell({ type: "MODIFIED", object: anObject("b", 502) });
  told.tell({ type: "ADDED", object: anObject("c", 503) });
  told.tell({ type: "DELETED", object: anObject("c", 504) });
  expect(short(lines)).toEqual(["SYNCED", "ADDED a@1"]);
  sink.room = Number.POSITIVE_INFINITY;
  sink.drain();
  expect(short(lines).slice(2)).toEqual(["MODIFIED a@500", "ADDED b@502", "DELETED c@504"]);
});

test("kinds that the viewer may not read are said, and the others go on", async () => {
  const { view, told } = aView(["PretrainRun", "Evaluation"]);
  const { lines, line } = aSink();
  streamObjects(view, {}, line, new FakeClock());
  told.tell({ type: "ADDED", object: anObject("a", 1) });
  await settled();
  expect(short(lines)).toEqual(["ADDED a@1", "ERROR PretrainRun", "ERROR Evaluation", "SYNCED"]);
  expect(lines[1]?.message).toBe("not allowed to list it");
});

test("it beats every 15 s while nothing happens", async () => {
  const { view } = aView();
  const { lines, line } = aSink();
  const clock = new FakeClock();
  streamObjects(view, {}, line, clock);
  await settled();
  await clock.advance(45_000);
  expect(short(lines)).toEqual(["SYNCED", "HEARTBEAT", "HEARTBEAT", "HEARTBEAT"]);
});

test("it ends with a sentence when what is watched does, and lets go of every watch, once", async () => {
  const { view, told } = aView();
  const { lines, sink, line } = aSink();
  const close = streamObjects(view, {}, line, new FakeClock());
  await settled();
  told.change("the API server cannot be reached");
  expect(sink.failure).toContain("the API server cannot be reached");
  close();
  told.tell({ type: "ADDED", object: anObject("a", 1) });
  expect([told.closed, lines.length]).toEqual([kinds.length, 1]);
});

test("without the cluster there is no present state, and the reader keeps what it knew", async () => {
  const { view } = aView(["Corpus", "PretrainRun"], new UnreachableError("no answer from the API server"));
  const { lines, sink, line } = aSink();
  streamObjects(view, {}, line, new FakeClock());
  await settled();
  expect(short(lines)).toEqual([]);
  expect(sink.failure).toContain("no answer from the API server");
});
