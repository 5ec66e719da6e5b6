import { expect, test } from "vitest";
import type { Cluster } from "../cluster/port.ts";
import { configMaps, events } from "../cluster/resource.ts";
import { TestEnv } from "../testing/test-env.ts";
import { EventRecorder, type NewEvent } from "./events.ts";
import { createLogger } from "./logger.ts";

const event: NewEvent = { type: "Warning", reason: "PodLost", note: "pod a was lost", action: "Reconcile" };

function aRecorder(change: Partial<Cluster> = {}) {
  const env = new TestEnv();
  const lines: string[] = [];
  const logger = createLogger({ destination: { write: (line) => lines.push(line) } });
  const cluster = { ...env.cluster, ...change };
  const recorder = new EventRecorder({ cluster, clock: env.clock, logger, instance: "operator-0" });
  const metadata = { name: "a", namespace: "default" };
  const about = env.store.apply(configMaps, { apiVersion: "v1", kind: "ConfigMap", metadata, data: {} });
  return { env, recorder, about, lines };
}

test("the same thing is told once in ten minutes, and again after them", async () => {
  const { env, recorder, about } = aRecorder();
  await recorder.publish(about, [event, event]);
  await recorder.publish(about, [event]);
  expect(env.store.list(events)).toMatchObject([
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
  expect(env.store.list(events)).toHaveLength(2);
  env.clock.advance(600_000);
  await recorder.publish(about, [event]);
  expect(env.store.list(events)).toHaveLength(3);
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
