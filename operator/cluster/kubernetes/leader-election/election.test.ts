import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { FakeClock } from "../../../testing/fake-clock.ts";
import { ConflictError, NotFoundError } from "../../port.ts";
import { LeaderElection, NotLeaderError } from "./election.ts";
import type { Lease, LeaseSpec, LeaseStore } from "./lease.ts";

/** An API server with one Lease, which can be out of reach of some, and can lose its answers. */
class LeaseServer {
  lease: Lease | undefined;
  version = 0;
  creations = 0;
  readonly writes: string[] = [];

  client(): LeaseStore & { reach: "full" | "none" | "mute" } {
    const client = {
      reach: "full" as "full" | "none" | "mute",
      read: async () => this.#ask(client, () => this.lease),
      create: async (spec: LeaseSpec) =>
        this.#ask(client, () => {
          if (this.lease) throw new ConflictError("exists");
          this.creations += 1;
          return this.#put(spec);
        }),
      update: async ({ metadata }: Lease, spec: LeaseSpec) =>
        this.#ask(client, () => {
          if (this.lease === undefined) throw new NotFoundError("gone");
          if (this.lease.metadata.resourceVersion !== metadata.resourceVersion)
            throw new ConflictError("changed");
          return this.#put(spec);
        }),
    };
    return client;
  }

  #ask<T>({ reach }: { reach: string }, act: () => T): T {
    if (reach === "none") throw new Error("out of reach");
    const answer = act();
    if (reach === "mute") throw new Error("the answer is lost");
    return answer;
  }

  #put(spec: LeaseSpec): Lease {
    this.writes.push(spec.holderIdentity ?? "");
    const metadata = {
      name: "lease",
      namespace: "team",
      uid: "uid",
      resourceVersion: String(++this.version),
      creationTimestamp: "",
    };
    this.lease = { apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata, spec };
    return this.lease;
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function testEnv() {
  const server = new LeaseServer();
  /** The one clock by which time passes; what processes take for the hour may be another. */
  const truth = new FakeClock();
  const join = (identity: string, skewMilliseconds = 0) => {
    const store = server.client();
    const errors: unknown[] = [];
    const election = new LeaderElection({
      store,
      identity,
      leaseDurationSeconds: 15,
      renewDeadlineSeconds: 10,
      retryPeriodSeconds: 2,
      clock: {
        now: () => new Date(truth.now().getTime() + skewMilliseconds),
        after: (milliseconds, action) => truth.after(milliseconds, action),
      },
      monotonic: () => truth.now().getTime() + 1e9 * skewMilliseconds,
      random: () => 0.5,
      report: (error) => errors.push(error),
    });
    election.start();
    onTestFinished(() => election.stop());
    return { election, store, errors };
  };
  const pass = async (seconds: number) => {
    for (let step = 0; step < seconds * 2; step++) {
      truth.advance(500);
      await settled();
    }
  };
  return { server, truth, join, pass };
}

test("the first leads and renews; the second stands by until the lease has run out", async () => {
  const { server, join, pass } = testEnv();
  const first = join("first");
  await settled();
  await first.election.elected;
  expect(server.lease?.spec).toEqual({
    holderIdentity: "first",
    leaseDurationSeconds: 15,
    acquireTime: "2026-01-01T00:00:00.000000Z",
    renewTime: "2026-01-01T00:00:00.000000Z",
    leaseTransitions: 0,
  });
  const second = join("second");
  await pass(60);
  expect([first.election.isLeader(), second.election.isLeader()]).toEqual([true, false]);
  expect(server.lease?.spec.acquireTime).toBe("2026-01-01T00:00:00.000000Z");
  expect(server.writes.length).toBeGreaterThanOrEqual(30);
  first.store.reach = "none";
  await pass(9);
  expect(first.election.isLeader(), "a short outage costs nothing").toBe(true);
  await pass(3);
  expect(first.election.isLeader()).toBe(false);
  expect(() => first.election.requireLeadership()).toThrow(NotLeaderError);
  expect((await first.election.lost).message).toBe("the leader's lease could not be renewed for 10 s");
  expect(second.election.isLeader(), "there is a time when nobody leads").toBe(false);
  await pass(7);
  expect(second.election.isLeader()).toBe(true);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: "second", leaseTransitions: 1 });
  first.store.reach = "full";
  await pass(60);
  expect(server.writes.lastIndexOf("first"), "who has lost does not come back").toBeLessThan(
    server.writes.length - 10,
  );
});

test("an orderly stop hands the lease over at once", async () => {
  const { server, join, pass } = testEnv();
  const first = join("first");
  await first.election.elected;
  const second = join("second");
  await pass(10);
  await first.election.stop();
  expect(first.election.isLeader()).toBe(false);
  expect(server.lease?.spec).toMatchObject({ holderIdentity: "", leaseDurationSeconds: 1 });
  await pass(3);
  expect(second.election.isLeader()).toBe(true);
  await second.election.stop();
  expect(server.lease?.spec).toMatchObject({ holderIdentity: "", leaseTransitions: 2 - 1 });
});

test("a leader whose lease was taken knows by its next renewal", async () => {
  const { server, join, pass } = testEnv();
  const first = join("first");
  await first.election.elected;
  const thief = server.client();
  const lease = await thief.read();
  if (lease) await thief.update(lease, { ...lease.spec, holderIdentity: "thief" });
  await pass(3);
  expect(first.election.isLeader()).toBe(false);
  expect((await first.election.lost).message).toBe(
    "the leader's lease is now held by thief, no longer by first",
  );
});

test("a deleted lease is created again by its leader, and nobody who knew it takes it meanwhile", async () => {
  const { server, join, pass } = testEnv();
  const first = join("first");
  await first.election.elected;
  const second = join("second");
  await pass(5);
  server.lease = undefined;
  await pass(20);
  expect([first.election.isLeader(), second.election.isLeader()]).toEqual([true, false]);
  expect(server.lease).toMatchObject({ spec: { holderIdentity: "first" } });
  first.store.reach = "none";
  server.lease = undefined;
  await pass(20);
  expect(second.election.isLeader()).toBe(true);
});

test("renewals whose answers are lost end the leadership, though the lease says otherwise", async () => {
  const { join, pass } = testEnv();
  const first = join("first");
  await first.election.elected;
  first.store.reach = "mute";
  await pass(12);
  expect(first.election.isLeader()).toBe(false);
});

test("one lost answer does not", async () => {
  const { join, pass } = testEnv();
  const first = join("first");
  await first.election.elected;
  first.store.reach = "mute";
  await pass(2);
  first.store.reach = "full";
  await pass(30);
  expect(first.election.isLeader()).toBe(true);
});

test("a process that slept through its lease does not lead when it wakes, before any timer of its own ran", async () => {
  const { truth, join } = testEnv();
  const first = join("first");
  await first.election.elected;
  // As after SIGSTOP: time has passed, and nothing has run.
  const late = truth.now().getTime() + 10_000;
  truth.now = () => new Date(late);
  expect(first.election.isLeader()).toBe(false);
});

const events = fc.array(
  fc.record({
    who: fc.nat(2),
    what: fc.constantFrom("none", "mute", "full", "full", "stop", "delete"),
    seconds: fc.integer({ min: 1, max: 12 }),
  }),
  { maxLength: 25 },
);

/** The lease is deleted just after it was made, and some have not looked in between. */
const deletedYoung = [
  { who: 0, what: "none", seconds: 1 },
  { who: 0, what: "stop", seconds: 1 },
  { who: 0, what: "none", seconds: 1 },
  { who: 0, what: "delete", seconds: 10 },
  { who: 0, what: "delete", seconds: 1 },
];

/**
 * Of a lease that it has never seen, a process cannot know that it is missing; nor may it be started before the
 * leader has made it anew.
 */
async function deleteLease(server: LeaseServer, pass: (seconds: number) => Promise<void>) {
  const { creations } = server;
  await pass(3);
  if (server.creations === creations) server.lease = undefined;
  await pass(3);
}

test("whoever is cut off, stops or loses answers, whatever hour their clocks show: never two leaders, and one in the end", async () => {
  await fc.assert(
    fc.asyncProperty(events, async (events) => {
      const { server, truth, join } = testEnv();
      let births = 3;
      const processes = [join("p0", -300_000), join("p1"), join("p2", 300_000)];
      const pass = async (seconds: number) => {
        for (let step = 0; step < seconds * 2; step++) {
          truth.advance(500);
          await settled();
          const leaders = processes.filter(({ election }) => election.isLeader()).length;
          expect(leaders).toBeLessThanOrEqual(1);
        }
      };
      await pass(3);
      for (const { who, what, seconds } of events) {
        const one = processes[who];
        if (one === undefined) continue;
        if (what === "delete") {
          for (const { store } of processes) store.reach = "full";
          await deleteLease(server, pass);
        } else if (what === "stop") {
          await one.election.stop();
          processes[who] = join(`p${births++}`);
        } else one.store.reach = what as typeof one.store.reach;
        await pass(seconds);
      }
      // What has lost is started again, as a kubelet does.
      for (const [index, { election }] of processes.entries()) {
        await election.stop();
        processes[index] = join(`p${births++}`);
      }
      await pass(25);
      expect(processes.filter(({ election }) => election.isLeader())).toHaveLength(1);
      for (const { election } of processes) await election.stop();
    }),
    { numRuns: 60, examples: [[deletedYoung]] },
  );
}, 120_000);
