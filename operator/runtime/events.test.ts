import { expect, test } from "vitest";
import type { Cluster } from "../cluster/port.ts";
import { configMaps, events } from "../cluster/resource.ts";
import { World } from "../testing/run-world.ts";
import { EventRecorder, type NewEvent } from "./events.ts";
import { createLogger } from "./logger.ts";

const event: NewEvent = { type: "Warning", reason: "PodLost", note: "pod a was lost", action: "Reconcile" };

function aRecorder(change: Partial<Cluster> = {}) {
  const world = new World();
  const lines: string[] = [];
  const logger = createLogger({ destination: { write: (line) => lines.push(line) } });
  const cluster = { ...world.cluster, ...change };
  const recorder = new EventRecorder({ cluster, clock: world.clock, logger, instance: "operator-0" });
  const metadata = { name: "a", namespace: "default" };
  const about = world.store.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} });
  return { world, recorder, about, lines };
}

test("the same thing is told once in ten minutes, and again after them", async () => {
  const { world, recorder, about } = aRecorder();
  await recorder.publish(about, [event, event]);
  await recorder.publish(about, [event]);
  expect(world.store.list(events)).toMatchObject([
    {
      type: "Warning",
      reason: "PodLost",
      note: "pod a was lost",
      regarding: { kind: "ConfigMap", name: "a", uid: about.metadata.uid },
      eventTime: "2026-01-01T00:00:00.000000Z",
      reportingInstance: "operator-0",
    },
  ]);
  await recorder.publish(about, [{ ...event, note: "pod b was lost" }]);
  expect(world.store.list(events)).toHaveLength(2);
  world.clock.advance(600_000);
  await recorder.publish(about, [event]);
  expect(world.store.list(events)).toHaveLength(3);
});

test("an Event that cannot be sent is logged and stops nothing", async () => {
  const { recorder, about, lines } = aRecorder({
    apply: async () => {
      throw new Error("quota");
    },
  });
  await recorder.publish(about, [event]);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ level: "warn", reason: "PodLost" }]);
});
