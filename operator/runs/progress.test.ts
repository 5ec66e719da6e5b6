import { createServer } from "node:http";
import { expect, test } from "vitest";
import { programPort } from "../contract/index.ts";
import type { KernelProgress } from "../kinds/batch-kind.ts";
import { finalProgress, httpGetProgress, updatedProgress } from "./progress.ts";

const said: KernelProgress = {
  stage: "train",
  step: 150,
  total: 200,
  unit: "step",
  metrics: { loss: 3.25 },
  since: "2026-01-01T00:00:00Z",
  updated: "2026-01-01T00:00:50Z",
  resumed_from_step: 100,
};
const place = { stage: "train", index: 1, count: 4 };
const now = new Date("2026-01-01T00:01:00Z");

test("the time left goes by the steps of this process, not by those of the attempt it went on from", () => {
  expect(updatedProgress(undefined, said, place, now)).toMatchObject({
    percent: "43%",
    eta: "50s",
    step: 150,
  });
});

test("an unknown total has no share and no time left", () => {
  expect(updatedProgress(undefined, { ...said, total: 0 }, place, now)).toMatchObject({
    percent: "25%",
    eta: "",
  });
});

test("the checkpoint a restart would go on from is not forgotten when the program does not repeat it", () => {
  const first = updatedProgress(undefined, { ...said, checkpoint_step: 120 }, place, now);
  expect(updatedProgress(first, said, place, now).checkpointStep).toBe(120);
});

test("the last word has the final figures beside those only the running program told", () => {
  const before = updatedProgress(
    undefined,
    { ...said, metrics: { loss: 3.25, tokens_per_second: 7 } },
    place,
    now,
  );
  expect(finalProgress(before, place, { loss: 2, held_out_loss: 2.5 })).toMatchObject({
    percent: "50%",
    step: 200,
    metrics: [
      { name: "held_out_loss", value: "2.5" },
      { name: "loss", value: "2" },
      { name: "tokens_per_second", value: "7" },
    ],
  });
});

test("a program is asked over HTTP; nobody there, or a word that is no progress, is no error", async () => {
  // Any address of 127.0.0.0/8 is this machine's; the port is fixed, so the address is one nobody else uses.
  const host = "127.9.4.7";
  expect(await httpGetProgress(host)).toBeUndefined();
  let answer: unknown = said;
  const server = createServer((_, response) => response.end(JSON.stringify(answer)));
  await new Promise<void>((resolve) => server.listen(programPort, host, resolve));
  try {
    expect(await httpGetProgress(host)).toEqual(said);
    answer = { ...said, step: "many" };
    expect(await httpGetProgress(host)).toBeUndefined();
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});
