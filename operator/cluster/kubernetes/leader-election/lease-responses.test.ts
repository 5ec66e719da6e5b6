import { expect, onTestFinished, test } from "vitest";
import { failureStatus, until } from "../../../testing/api-server.ts";
import { interceptedCluster } from "../../../testing/intercepted-api.ts";
import { openConnection } from "../index.ts";
import { LeaderElection } from "./election.ts";
import { leaseStore } from "./lease.ts";

/** What comes between a leader and its Lease: it leads while its last renewal counts, and no longer. */

const leases = "/apis/coordination.k8s.io/v1/namespaces/team/leases";
const path = `${leases}/tanren`;

function lease(version: number, holderIdentity: string) {
  const metadata = { name: "tanren", namespace: "team", uid: "uid", resourceVersion: String(version) };
  return { metadata, spec: { holderIdentity, leaseDurationSeconds: 15 } };
}

/** A process that has just been elected. */
async function aLeader() {
  const { clock, api, kubeconfig } = interceptedCluster();
  const errors: unknown[] = [];
  const requests: string[] = [];
  api.on("request", ({ method }: Request) => requests.push(method));
  const connection = openConnection(kubeconfig, clock);
  const store = leaseStore({ connection, namespace: "team", name: "tanren", clock, timeoutSeconds: 5 });
  const election = new LeaderElection({
    store,
    identity: "me",
    leaseDurationSeconds: 15,
    renewDeadlineSeconds: 10,
    retryPeriodSeconds: 2,
    clock,
    monotonic: () => clock.now().getTime(),
    random: () => 0.5,
    report: (error) => errors.push(error),
  });
  const absent = failureStatus(404, "NotFound", "not found", { name: "tanren", kind: "leases" });
  api.get(path).reply(404, absent).post(leases).query(true).reply(201, lease(1, "me"));
  election.start();
  await election.elected;
  onTestFinished(async () => {
    api.put(path).query(true).reply(200, lease(99, ""));
    await election.stop();
    connection.close();
  });
  const renewWith = async (code: number, body: string | object, headers: Record<string, string> = {}) => {
    const [tries, failures] = [requests.length, errors.length];
    api.put(path).query(true).reply(code, body, headers);
    // The election plans its next try once it has read the response to the last.
    await until(() => {
      if (requests.length === tries) clock.advance(100);
      return requests.length > tries;
    });
    return { failed: () => until(() => errors.length > failures) };
  };
  return { api, clock, errors, requests, election, renewWith };
}

const html = { "content-type": "text/html" };
const busy = failureStatus(429, "TooManyRequests", "busy");

test.each([
  ["a proxy's page", 502, "<html><title>Bad Gateway</title></html>", html, '"Bad Gateway"'],
  ["a page with a conflict's status", 409, "<html><title>Blocked</title></html>", {}, '"Blocked"'],
  ["429", 429, JSON.stringify(busy), { "retry-after": "30" }, "asks to wait 30 s"],
  ["malformed JSON", 200, '{"metadata":', {}, "not the API server's JSON"],
  ["an empty object", 200, "{}", {}, "something that is no Lease"],
])(
  "%s in place of a renewal is reported, and the next period tries again",
  async (_, code, body, headers, words) => {
    const { clock, errors, election, renewWith } = await aLeader();
    const first = await renewWith(code, body, headers as Record<string, string>);
    await first.failed();
    expect(String(errors[0])).toMatch(words);
    expect(election.isLeader()).toBe(true);
    await renewWith(200, lease(2, "me"));
    const renewed = clock.now().getTime();
    await renewWith(200, lease(3, "me"));
    expect(clock.now().getTime() - renewed).toBeLessThan(3_000);
    expect(election.isLeader()).toBe(true);
    expect(errors).toHaveLength(1);
  },
);

test("a renewal that took effect while its response was lost is found again, not taken for another's", async () => {
  const { api, requests, errors, election, renewWith } = await aLeader();
  const lost = await renewWith(200, '{"metadata":{"na');
  await lost.failed();
  api.get(path).reply(200, lease(2, "me"));
  await renewWith(409, failureStatus(409, "Conflict", "the object has been modified"));
  await until(() => requests.at(-1) === "GET");
  await renewWith(200, lease(3, "me"));
  expect(election.isLeader()).toBe(true);
  expect(errors).toHaveLength(1);
});

test("a proxy that hides the API server ends the leadership by the renew deadline", async () => {
  const { clock, api, errors, election } = await aLeader();
  api.put(path).query(true).times(10).reply(502, "<html><title>Bad Gateway</title></html>", html);
  const elected = clock.now().getTime();
  let lost: Error | undefined;
  void election.lost.then((error) => {
    lost = error;
  });
  await until(() => {
    if (lost === undefined) clock.advance(100);
    return lost !== undefined;
  });
  expect(lost?.message).toBe("the leader's lease could not be renewed for 10 s");
  expect(clock.now().getTime() - elected).toBeLessThanOrEqual(10_000);
  expect(errors.length).toBeGreaterThan(0);
  expect(election.isLeader()).toBe(false);
});
