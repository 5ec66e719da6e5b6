import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { changed } from "../../operator/testing/samples.ts";
import { anObject, ownVerdict, serverVerdict, useServer } from "./server.ts";

/**
 * Amounts of memory in every notation, on the API server itself: what it lets in the local adapter lets in,
 * and nothing else.
 */

const server = useServer();
const texts = readFileSync(new URL("../../operator/testing/quantity-readings.jsonl", import.meta.url), "utf8")
  .trim()
  .split("\n")
  .map((line) => (JSON.parse(line) as { text: string }).text);

/** Asked at once: an API server that shares its machine takes no thousand. */
const atOnce = 16;

test("the API server and the local adapter let the same amounts in", async () => {
  const verdict = async (text: string) => {
    const spec = changed("PretrainRun", { "compute.resources.memory": text });
    const object = anObject(server(), "PretrainRun", "amount", spec);
    const [its, ours] = [await serverVerdict(server(), object), await ownVerdict(object)];
    return { text, its: its.length === 0, ours: ours.length === 0 };
  };
  const verdicts: Awaited<ReturnType<typeof verdict>>[] = [];
  for (let at = 0; at < texts.length; at += atOnce)
    verdicts.push(...(await Promise.all(texts.slice(at, at + atOnce).map(verdict))));
  expect(verdicts.filter(({ its, ours }) => its !== ours)).toEqual([]);
  expect(verdicts.filter(({ its }) => its).length).toBeGreaterThan(60);
}, 180_000);
