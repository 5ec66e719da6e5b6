import type { Status } from "../../objects/objects.ts";

/** The filter statistics of status as a flow: for each step how much of each language came in, stayed and left. */

export type Measure = "documents" | "bytes";

export interface FlowPart {
  language: string;
  in: number;
  out: number;
}

export interface FlowStep {
  step: string;
  parts: FlowPart[];
  in: number;
  out: number;
  /** Documents by reason, over all languages, most first. */
  dropped: { reason: string; documents: number }[];
}

type Row = NonNullable<Status["funnel"]>[number];

export function flowOf(rows: readonly Row[], measure: Measure): FlowStep[] {
  return [...Map.groupBy(rows, ({ step }) => step)].map(([step, own]) => {
    const parts = own.map((row) => ({
      language: row.language,
      in: measure === "documents" ? row.documentsIn : row.bytesIn,
      out: measure === "documents" ? row.documentsOut : row.bytesOut,
    }));
    const dropped = new Map<string, number>();
    for (const row of own)
      for (const [reason, documents] of Object.entries(row.dropped))
        dropped.set(reason, (dropped.get(reason) ?? 0) + documents);
    return {
      step,
      parts,
      in: parts.reduce((sum, part) => sum + part.in, 0),
      out: parts.reduce((sum, part) => sum + part.out, 0),
      dropped: [...dropped]
        .map(([reason, documents]) => ({ reason, documents }))
        .toSorted((a, b) => b.documents - a.documents),
    };
  });
}

/** Languages in the order they first occur: one colour each, on every step. */
export const languagesOf = (rows: readonly Row[]): string[] => [
  ...new Set(rows.map(({ language }) => language)),
];

export const shareKept = ({ in: before, out }: { in: number; out: number }): number =>
  before === 0 ? 1 : out / before;
