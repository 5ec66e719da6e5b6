/** Rows of the measurement's files, as the kernels write them (evaluation/model_comparison.py). */

export interface PassKey {
  trials: number;
  accuracy?: number;
  low?: number;
  high?: number;
  places?: { length: number; depth: number; found: number; of: number }[];
}

export interface MeasurementReport {
  context_length: number;
  original_context_length: number;
  documents: number;
  passkey: Record<string, PassKey>;
}

/** A document's mean loss within a bin of positions: a line of losses.jsonl. */
export interface DocumentLoss {
  label: string;
  document: number;
  language: string;
  from: number;
  to: number;
  loss: number;
}

export interface PositionLine {
  label: string;
  x: number[];
  y: number[];
  low?: number[];
  high?: number[];
}

/** Lines of status alone: means without intervals. */
export function linesOfStatus(
  rows: readonly { label: string; from: number; to: number; loss: string }[],
): PositionLine[] {
  return [...Map.groupBy(rows, ({ label }) => label)].map(([label, own]) => {
    const sorted = own.toSorted((a, b) => a.from - b.from);
    return {
      label,
      x: sorted.map(({ from, to }) => (from + to) / 2),
      y: sorted.map(({ loss }) => Number(loss)),
    };
  });
}

/** Mean over documents in each bin, and 95 % of the normal distribution around it. */
export function linesOfDocuments(rows: readonly DocumentLoss[]): PositionLine[] {
  return [...Map.groupBy(rows, ({ label }) => label)].map(([label, own]) => {
    const bins = [...Map.groupBy(own, ({ from }) => from)].toSorted(([a], [b]) => a - b);
    const line = { label, x: [] as number[], y: [] as number[], low: [] as number[], high: [] as number[] };
    for (const [from, bin] of bins) {
      const mean = bin.reduce((sum, { loss }) => sum + loss, 0) / bin.length;
      const variance =
        bin.reduce((sum, { loss }) => sum + (loss - mean) ** 2, 0) / Math.max(1, bin.length - 1);
      const half = 1.96 * Math.sqrt(variance / bin.length);
      line.x.push((from + (bin[0]?.to ?? from)) / 2);
      line.y.push(mean);
      line.low.push(mean - half);
      line.high.push(mean + half);
    }
    return line;
  });
}
