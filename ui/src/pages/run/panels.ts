import type { MessageKey } from "../../language/english.ts";

/** Which figures of metrics.jsonl stand together in one picture. */
export interface CurvePanel {
  id: string;
  title: MessageKey | undefined;
  series: string[];
  smoothed: boolean;
}

const known: readonly {
  id: string;
  title: MessageKey;
  smoothed: boolean;
  holds: (name: string) => boolean;
}[] = [
  {
    id: "loss",
    title: "curve.loss",
    smoothed: true,
    holds: (name) =>
      name === "loss" ||
      name === "held_out_loss" ||
      name.startsWith("held_out_loss_") ||
      name === "unigram_entropy",
  },
  { id: "grad_norm", title: "curve.gradNorm", smoothed: true, holds: (name) => name === "grad_norm" },
  { id: "lr", title: "curve.rate", smoothed: false, holds: (name) => name === "lr" },
  { id: "speed", title: "curve.speed", smoothed: true, holds: (name) => name === "tokens_per_second" },
  { id: "mfu", title: "curve.mfu", smoothed: true, holds: (name) => name === "mfu" },
  { id: "memory", title: "curve.memory", smoothed: false, holds: (name) => name.includes("memory") },
  {
    id: "accuracy",
    title: "curve.rewardAccuracy",
    smoothed: true,
    holds: (name) => name.startsWith("held_out_rewards/accuracies") || name === "rewards/accuracies",
  },
  { id: "rewards", title: "curve.rewards", smoothed: true, holds: (name) => name.includes("rewards/") },
];

/** Panels for the figures that there are; what is not known has one of its own. */
export function panelsOf(available: readonly string[]): CurvePanel[] {
  const left = new Set(available);
  const panels = known.flatMap(({ id, title, smoothed, holds }): CurvePanel[] => {
    const series = [...left].filter(holds);
    for (const name of series) left.delete(name);
    return series.length === 0 ? [] : [{ id, title, series, smoothed }];
  });
  return [
    ...panels,
    ...[...left].map((name) => ({ id: name, title: undefined, series: [name], smoothed: true })),
  ];
}
