import type { WatchLine } from "../../../operator/ui-server/contract.ts";
import { type AnyObject, keyOfObject } from "../objects/objects.ts";
import { type Client, query, RequestError } from "./client.ts";
import { linesOf } from "./lines.ts";
import type { Store } from "./store.ts";

/**
 * Follows the objects of a namespace, or of all. A stream that breaks, or is silent for longer than its heartbeat
 * allows, is opened again with growing pauses; meanwhile the page shows what it knew, and says so. What a new
 * stream tells up to SYNCED replaces everything, so that what was deleted meanwhile goes.
 */
export interface WatchOptions {
  client: Client;
  store: Store;
  /** Asked before each stream is opened; undefined: all namespaces. */
  namespace?: (signal: AbortSignal) => Promise<string | undefined>;
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  /** The server's heartbeat comes every 15 s. */
  silenceMilliseconds?: number;
}

export async function follow(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { store, sleep = pause } = options;
  let failures = 0;
  while (!signal.aborted) {
    try {
      await readOnce(options, signal, () => {
        failures = 0;
      });
      if (!signal.aborted) store.connection.value = { state: "offline", message: "the stream ended" };
    } catch (error) {
      if (signal.aborted) return;
      const message = error instanceof Error ? error.message : String(error);
      if (error instanceof RequestError && (error.status === 401 || error.status === 403)) {
        store.connection.value = { state: "refused", message };
        return;
      }
      store.connection.value = { state: "offline", message };
    }
    await sleep(pauseAfter(failures), signal);
    failures += 1;
  }
}

/** 0.5 s, doubled up to 15 s, each somewhere between half and whole: many pages do not come back at once. */
export const pauseAfter = (failures: number, random = Math.random): number =>
  Math.min(15_000, 500 * 2 ** failures) * (0.5 + random() / 2);

async function readOnce(
  { client, store, namespace, silenceMilliseconds = 40_000 }: WatchOptions,
  signal: AbortSignal,
  onSynced: () => void,
): Promise<void> {
  const silence = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(new Error("the server fell silent")), silenceMilliseconds);
  };
  const present = new Map<string, AnyObject>();
  const problems: string[] = [];
  let synced = false;
  try {
    heard();
    const reading = AbortSignal.any([signal, silence.signal]);
    const stream = await client.stream(
      `/api/watch${query({ namespace: await namespace?.(reading) })}`,
      reading,
    );
    for await (const line of linesOf(stream)) {
      heard();
      if (line.trim() === "") continue;
      const told = JSON.parse(line) as WatchLine;
      switch (told.type) {
        case "HEARTBEAT":
          break;
        case "ERROR":
          if (told.kind === undefined) throw new Error(told.message);
          problems.push(told.message);
          store.problems.value = [...problems];
          break;
        case "SYNCED":
          synced = true;
          store.replace(present.values());
          store.problems.value = [...problems];
          store.connection.value = { state: "live" };
          onSynced();
          break;
        default: {
          const object = told.object as unknown as AnyObject;
          if (synced) store.change({ type: told.type, object });
          else if (told.type === "DELETED") present.delete(keyOfObject(object));
          else present.set(keyOfObject(object), object);
        }
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

const pause = (milliseconds: number, signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
