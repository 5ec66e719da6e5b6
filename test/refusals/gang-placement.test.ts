import { afterAll, beforeAll, expect, inject, test } from "vitest";
import { eventually, given, isRunning } from "../contract/waiting.ts";
import { Gangs, isUnschedulable } from "./gangs.ts";

/**
 * Two gangs of two pods that hold one node each, on a scheduler that places pods one by one: without the
 * operator neither would ever be placed whole.
 */

const gangs = new Gangs(inject("kubeconfig"));
beforeAll(() => gangs.open());
afterAll(() => gangs.close());

/** Waits until one pod of the gang runs and the other finds no node. */
const halfPlaced = (name: string) =>
  eventually(async () => {
    const found = await gangs.podsOf(name);
    return found.some(isUnschedulable) && found.filter(isRunning).length === 1;
  }, `half of ${name} is placed`);

test("the younger of two gangs that hold half of what they need gives way, and runs after the older one", async () => {
  const { kept, later } = gangs;
  await gangs.openNode("one", [kept]);
  await gangs.apply("older", [kept]);
  await halfPlaced("older");
  // The API server counts ages in seconds.
  const born = Date.parse(given(await gangs.read("older")).metadata.creationTimestamp);
  await eventually(async () => Date.now() >= born + 1000, "the next run is younger");
  // The second node is kept from the older gang until the younger one is on it.
  await gangs.openNode("two", [kept, later]);
  await gangs.apply("younger", [kept, later]);
  await halfPlaced("younger");
  await gangs.taint("two", [kept]);

  const whole = await gangs.placed("older");
  expect((await gangs.read("younger"))?.status).toMatchObject({
    restarts: 0,
    attempts: [
      {
        number: 1,
        reason: "GangNotPlaced",
        counted: false,
        message: expect.stringContaining("AlignmentRun older, which is older, lacks nodes as well"),
      },
    ],
  });
  expect((await gangs.read("older"))?.status?.attempts).toMatchObject([{ number: 1 }]);

  await gangs.end(whole);
  await gangs.placed("younger");
  expect((await gangs.read("younger"))?.status?.attempts?.at(-1)).toMatchObject({ number: 2 });
}, 300_000);
