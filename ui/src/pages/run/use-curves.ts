import { useEffect, useState } from "preact/hooks";
import type { Metrics } from "../../../../operator/ui-server/contract.ts";
import { type Client, query } from "../../client/client.ts";
import { usePage } from "../../context.ts";
import { type AnyObject, apiPathOf, identityOf, keyOfObject } from "../../objects/objects.ts";
import { type Answer, failure } from "../../use-answer.ts";

export type Axis = Metrics["x"];

/** How curves are looked at. */
export interface CurveView {
  x: Axis;
  smoothing: number;
  logX: boolean;
  logY: boolean;
}

/** Curves of one run: what it has is asked first, then the lines themselves, drawn small by the server. */
export interface Curves {
  key: string;
  name: string;
  answer: Answer<Metrics>;
}

export function useCurves(
  runs: readonly AnyObject[],
  stage: string | undefined,
  x: Axis,
  range: readonly [number, number] | undefined,
): Curves[] {
  const { client } = usePage();
  const [answers, setAnswers] = useState<ReadonlyMap<string, Answer<Metrics>>>(new Map());
  // Asked again as runs go on: their status says when they spoke last.
  const version = runs.map((run) => `${keyOfObject(run)} ${run.status?.progress?.updateTime ?? ""}`).join();
  useEffect(() => {
    if (stage === undefined) return;
    const ending = new AbortController();
    for (const run of runs) {
      const key = keyOfObject(run);
      const told = (answer: Answer<Metrics>) => {
        if (!ending.signal.aborted) setAnswers((before) => new Map(before).set(key, answer));
      };
      curvesOf(client, run, stage, x, range, ending.signal).then(
        (value) => told({ state: "ready", value, refreshing: false }),
        (error: unknown) => told(failure(error)),
      );
    }
    return () => ending.abort();
  }, [client, version, stage, x, range?.[0], range?.[1]]);
  return runs.map((run) => ({
    key: keyOfObject(run),
    name: run.metadata.name,
    answer: answers.get(keyOfObject(run)) ?? { state: "loading" },
  }));
}

async function curvesOf(
  client: Client,
  run: AnyObject,
  stage: string,
  x: Axis,
  range: readonly [number, number] | undefined,
  signal: AbortSignal,
): Promise<Metrics> {
  const identity = identityOf(run);
  if (identity === undefined) throw new Error(`${run.kind} has no curves`);
  const path = `${apiPathOf(identity)}/metrics`;
  const told = await client.json<Metrics>(`${path}${query({ stage: stageOf(run, stage) })}`, signal);
  // A report has everything in its first answer.
  if (told.available.length === 0 || Object.keys(told.series).length > 0) return told;
  const series = told.available.map(({ name }) => name).join(",");
  const [from, to] = range ?? [];
  return await client.json<Metrics>(
    `${path}${query({ stage: stageOf(run, stage), series, x, from, to, points: 1000 })}`,
    signal,
  );
}

/** The same stage of another run, or the stage it trains in. */
function stageOf(run: AnyObject, wanted: string): string {
  const names = (run.status?.stages ?? []).map(({ name }) => name);
  return names.includes(wanted) ? wanted : (names.find((name) => name === "train") ?? names[0] ?? wanted);
}
