import { expect, test } from "vitest";
import type { TanrenObject } from "../../operator/api/kinds.ts";
import { type Changes, changed } from "../../operator/testing/samples.ts";
import { caseOf, changeOf, sampleFor } from "./cases.ts";
import { committedRules, type Rule } from "./rules.ts";
import {
  anObject,
  kindOf,
  ownVerdict,
  type Server,
  serverVerdict,
  useServer,
  type Verdict,
} from "./server.ts";

/**
 * Every CEL rule on the API server itself: what it lets in, what it refuses, and that the local adapter says
 * the same.
 */

const server = useServer();
const rules = committedRules();
const title = ({ kind, path, message }: Rule) => [`${kind} ${path || "(root)"}: ${message}`] as const;
const startedStatus: TanrenObject<unknown, { startTime: string }>["status"] = {
  startTime: "2026-01-01T00:00:00Z",
};
const single = rules
  .filter(({ keeps }) => keeps === undefined)
  .map((rule) => [...title(rule), rule] as const);
const transition = rules
  .filter(({ keeps }) => keeps !== undefined)
  .map((rule) => [...title(rule), rule] as const);

test("there are rules of both sorts in every kind that has them", () => {
  expect(single.length).toBeGreaterThan(40);
  expect(new Set(transition.map(([, { kind }]) => kind)).size).toBe(5);
});

test.each(single)("%s", async (_, rule) => {
  const { accepted, refused } = caseOf(rule);
  const object = (changes: Changes) => anObject(server(), rule.kind, "ruled", changed(rule.kind, changes));
  expect(await serverVerdict(server(), object(accepted))).toEqual([]);
  expect(await ownVerdict(object(accepted))).toEqual([]);
  const verdict = await serverVerdict(server(), object(refused));
  expectTold(verdict, rule);
  expectSame(verdict, await ownVerdict(object(refused)));
});

test.each(transition)("%s", async (_, rule) => {
  const { cluster } = server();
  const { resource } = kindOf(rule.kind);
  const name = `${rule.kind}-${rule.keeps}${rule.lets ? "-lets" : ""}`.toLowerCase().replaceAll(".", "-");
  const object = (changes: Changes) =>
    anObject(server(), rule.kind, name, changed(rule.kind, { ...sampleFor(rule), ...changes }));
  const fresh = await cluster.apply(resource, object({}));
  // Before the run has started it may become another.
  expect(await serverVerdict(server(), object(changeOf(rule)))).toEqual([]);
  expect(await ownVerdict(object(changeOf(rule)), fresh)).toEqual([]);
  const started = await cluster.updateStatus(resource, { ...fresh, status: startedStatus });
  const verdict = await serverVerdict(server(), object(changeOf(rule)));
  expectTold(verdict, rule);
  expectSame(verdict, await ownVerdict(object(changeOf(rule)), started));
  await expectStays(server(), object({}), started);
  await expectStays(server(), object({ suspend: true, "failurePolicy.maxRestarts": 9, retry: 1 }), started);

  /** Whether the change is let in after another write of spec or status, here as there. */
  const lets = async (old: TanrenObject) => {
    const found = await serverVerdict(server(), object({ ...changeOf(rule), suspend: true }));
    expectSame(found, await ownVerdict(object({ ...changeOf(rule), suspend: true }), old));
    return found.length === 0;
  };
  const written = (status: Record<string, unknown>, old: TanrenObject) =>
    cluster.updateStatus(resource, { ...old, status: { ...startedStatus, ...status } });
  const suspended = await cluster.apply(resource, object({ suspend: true }));
  expect(await lets(suspended)).toBe(rule.lets?.suspended ?? false);
  const completionTime = "2026-01-02T00:00:00Z";
  const failed = await written({ completionTime }, await cluster.apply(resource, object({ suspend: false })));
  expect(await lets(failed)).toBe(rule.lets !== undefined);
  if (rule.lets?.until === undefined) return;
  const stages = [{ name: rule.lets.until, state: "Succeeded" }];
  expect(await lets(await written({ completionTime, stages }, failed))).toBe(false);
});

/** The rule's own sentence at the rule's own field. */
function expectTold(verdict: Verdict, { field, message }: Rule): void {
  const told = verdict.map((cause) => ({ ...cause, field: cause.field.replaceAll(/\[\d+\]/g, "[]") }));
  expect(told).toContainEqual({ field, message: expect.stringContaining(message) });
}

/** The API server puts the value before the sentence; the local adapter has the sentence alone. */
function expectSame(server: Verdict, own: Verdict): void {
  expect(own.map(({ field }) => field)).toEqual(server.map(({ field }) => field));
  for (const [index, { message }] of server.entries())
    expect(message.endsWith(own[index]?.message ?? "?")).toBe(true);
}

async function expectStays(
  server: Server,
  wanted: ReturnType<typeof anObject>,
  old: TanrenObject,
): Promise<void> {
  expect(await serverVerdict(server, wanted)).toEqual([]);
  expect(await ownVerdict(wanted, old)).toEqual([]);
}
