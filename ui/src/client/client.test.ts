import { describe, expect, test } from "vitest";
import { anObject } from "../../../operator/testing/cli-objects.ts";
import type { Report } from "../../../operator/ui-server/contract.ts";
import { createClient, requestKey } from "./client.ts";
import { Store } from "./store.ts";
import { takeToken } from "./token.ts";
import { follow, pauseAfter } from "./watch.ts";

const line = (value: unknown) => `${JSON.stringify(value)}\n`;
const added = (name: string) => line({ type: "ADDED", object: anObject("Corpus", name) });
const synced = line({ type: "SYNCED" });

/** Answers in turn; after the last one, nobody answers. */
function serving(...answers: readonly Response[]) {
  const asked: Request[] = [];
  const left = [...answers];
  const client = createClient({
    fetch: async (path, init) => {
      asked.push(new Request(new URL(String(path), "http://page.invalid"), init));
      const answer = left.shift();
      if (answer === undefined) throw new TypeError("connection refused");
      return answer;
    },
    token: () => "secret",
  });
  return { client, asked };
}

/** Follows until it has slept `rounds` times, and tells what was shown at each. */
async function followed(rounds: number, ...answers: readonly Response[]) {
  const { client, asked } = serving(...answers);
  const store = new Store((flush) => flush());
  const ending = new AbortController();
  const shown: { state: string; names: string[] }[] = [];
  const look = () =>
    shown.push({
      state: store.connection.value.state,
      names: [...store.objects.value.values()].map(({ metadata }) => metadata.name),
    });
  await follow(
    {
      client,
      store,
      sleep: async () => {
        look();
        if (shown.length === rounds) ending.abort();
      },
    },
    ending.signal,
  );
  return { shown, asked, store };
}

describe("the watch", () => {
  test("a stream that breaks leaves what it told on show, as offline; the next one replaces it", async () => {
    const { shown, asked } = await followed(
      2,
      new Response(added("old") + added("kept") + synced),
      new Response(added("kept") + synced + added("new")),
    );
    expect(shown).toEqual([
      { state: "offline", names: ["old", "kept"] },
      { state: "offline", names: ["kept", "new"] },
    ]);
    expect(asked[0]?.headers.get("authorization")).toBe("Bearer secret");
  });

  test("a stream that breaks before it has told all replaces nothing", async () => {
    const { shown } = await followed(2, new Response(added("kept") + synced), new Response(added("half")));
    expect(shown.at(-1)).toEqual({ state: "offline", names: ["kept"] });
  });

  test("a wrong token is not tried again", async () => {
    const { store, asked } = await followed(9, Response.json({ error: { message: "no" } }, { status: 401 }));
    expect(store.connection.value).toEqual({ state: "refused", message: "no" });
    expect(asked).toHaveLength(1);
  });

  test("a kind that may not be read is said, and the others are shown", async () => {
    const error = line({ type: "ERROR", kind: "Corpus", message: "you may not list corpora" });
    const { store, shown } = await followed(1, new Response(error + added("one") + synced));
    expect(store.problems.value).toEqual(["you may not list corpora"]);
    expect(shown[0]?.names).toEqual(["one"]);
  });

  test("pauses grow up to 15 s", () => {
    expect([0, 1, 2, 20].map((failures) => pauseAfter(failures, () => 1))).toEqual([500, 1000, 2000, 15_000]);
  });
});

describe("a report", () => {
  const report = {
    data: { "GET /api/a?limit=5&offset=0": { rows: [] }, "GET /api/m/metrics?stage=train": { total: 3 } },
  } as unknown as Report;
  const client = createClient({
    fetch: () => Promise.reject(new Error("a report asks nobody")),
    token: () => undefined,
    report,
  });

  test("answers from its data, however the query is ordered, and curves by stage alone", async () => {
    expect(await client.json("/api/a?offset=0&limit=5")).toEqual({ rows: [] });
    expect(await client.json("/api/m/metrics?stage=train&x=step&series=loss&points=9")).toEqual({ total: 3 });
    expect(requestKey("/api/m/metrics?x=time&stage=sft")).toBe("GET /api/m/metrics?stage=sft");
  });

  test("says of anything else that it is not part of it, and asks nobody", async () => {
    await expect(client.json("/api/b")).rejects.toMatchObject({ status: 404 });
  });
});

test("the token is kept for the tab and taken out of the address", () => {
  const kept = new Map<string, string>();
  const addresses: unknown[] = [];
  takeToken(
    { hash: "#token=a%2Bb", pathname: "/" },
    { replaceState: (_, __, address) => addresses.push(address) },
    {
      getItem: (key) => kept.get(key) ?? null,
      setItem: (key, value) => void kept.set(key, value),
      removeItem: (key) => void kept.delete(key),
    },
  );
  expect([...kept.values()]).toEqual(["a+b"]);
  expect(addresses).toEqual(["/#/"]);
});
