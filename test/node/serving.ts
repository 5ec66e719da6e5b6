import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { z } from "zod";
import { apiKey } from "./chain.ts";
import { conditionOf, Pod, Run, serviceAddress } from "./runs.ts";
import { Condition, Metadata, namespace, until, type World } from "./world.ts";

const Endpoint = z.looseObject({
  metadata: Metadata,
  status: z.looseObject({
    conditions: z.array(Condition).default([]),
    readyReplicas: z.number().default(0),
    served: z.looseObject({ digest: z.string() }).optional(),
  }),
});

const Answer = z.looseObject({
  choices: z.array(z.looseObject({ message: z.looseObject({ content: z.string() }) })).min(1),
});

/** Asks the endpoint one question through its Service. */
async function ask(address: string, key = apiKey): Promise<Response> {
  return fetch(`${address}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${key}` },
    body: JSON.stringify({
      model: "assistant",
      messages: [{ role: "user", content: "What is a corpus?" }],
      max_tokens: 8,
      temperature: 0,
    }),
    signal: AbortSignal.timeout(20_000),
  });
}

/** Asks one question after the other until told to stop; tells of all that were not answered. */
function constantRequests(address: string) {
  const failed: string[] = [];
  let asked = 0;
  let stopped = false;
  const asking = (async () => {
    while (!stopped) {
      asked += 1;
      try {
        const response = await ask(address);
        if (response.ok) Answer.parse(await response.json());
        else failed.push(`request ${asked}: ${response.status} ${await response.text()}`);
      } catch (error) {
        failed.push(
          `request ${asked}: ${error instanceof Error ? `${error.message} ${error.cause ?? ""}` : error}`,
        );
      }
      await sleep(100);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await asking;
      return { asked, failed };
    },
  };
}

const endpoint = (world: World) => world.get(Endpoint, "inferencedeployment", "assistant");

const scale = (world: World, replicas: number) =>
  world.kubectl("scale", "inferencedeployment/assistant", "--namespace", namespace, `--replicas=${replicas}`);

/** The model behind an endpoint, while pods come and go. */
export function serving(world: () => World): void {
  test("the endpoint answers through its Service, and only those with the key", async () => {
    await world().wait("inferencedeployment/assistant", "condition=Ready");
    const address = await serviceAddress(world(), "assistant");
    const response = await ask(address);
    expect(response.status).toBe(200);
    expect(Answer.parse(await response.json()).choices).toHaveLength(1);
    expect((await ask(address, "wrong")).status).toBe(401);
    const artifact = (await world().get(Run, "alignmentrun", "assistant")).status.artifact;
    expect((await endpoint(world())).status.served?.digest).toBe(artifact?.digest);
  });

  test("the endpoint is scaled up and down under requests, and none fails", async () => {
    const requests = constantRequests(await serviceAddress(world(), "assistant"));
    await scale(world(), 2);
    await until(
      "two ready replicas",
      async () => (await endpoint(world())).status.readyReplicas === 2 || undefined,
    );
    await scale(world(), 1);
    await until("one pod", async () => {
      const pods = await world().list(Pod, "pods", "tanren.dev/kind=InferenceDeployment");
      return pods.length === 1 || undefined;
    });
    const { asked, failed } = await requests.stop();
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(10);
  });

  test("another model takes over under requests, and none fails", async () => {
    const wanted = (await world().get(Run, "contextextension", "long")).status.artifact;
    const requests = constantRequests(await serviceAddress(world(), "assistant"));
    // The gate speaks of the chat model alone, so it goes with it.
    const spec = { model: { alignmentRun: null, contextExtension: { name: "long" } }, requires: [] };
    const words = ["patch", "inferencedeployment", "assistant", "--namespace", namespace, "--type=merge"];
    await world().kubectl(...words, "-p", JSON.stringify({ spec }));
    await until("the other model alone is served", async () => {
      const { status } = await endpoint(world());
      const ready = conditionOf({ status }, "Ready");
      return (status.served?.digest === wanted?.digest && ready?.status === "True") || undefined;
    });
    await until("the old pods are gone", async () => {
      const pods = await world().list(Pod, "pods", "tanren.dev/kind=InferenceDeployment");
      return pods.length === 1 || undefined;
    });
    const { asked, failed } = await requests.stop();
    expect(failed).toEqual([]);
    expect(asked).toBeGreaterThan(10);
  });
}
