import { type AnyObject, rootCondition, title } from "../kinds.ts";

/** What a program reads while a run is under way: one JSON object per change of status. */
export interface StatusLine {
  kind: string;
  name: string;
  namespace: string;
  status: "True" | "False" | "Unknown";
  reason: string;
  message: string;
  stage?: string;
  step?: number;
  total?: number;
  unit?: string;
  percent?: string;
  metrics?: Record<string, number>;
  url?: string;
}

export function statusLine(object: AnyObject): StatusLine {
  const root = rootCondition(object);
  const { progress, url } = object.status ?? {};
  return {
    kind: object.kind,
    name: object.metadata.name,
    namespace: object.metadata.namespace,
    status: root?.status ?? "Unknown",
    reason: root?.reason ?? "Pending",
    message: root?.message ?? "",
    ...(progress && {
      stage: progress.stage,
      step: progress.step,
      total: progress.total,
      unit: progress.unit,
      percent: progress.percent,
      metrics: Object.fromEntries(progress.metrics.map(({ name, value }) => [name, Number(value)])),
    }),
    ...(url !== undefined && { url }),
  };
}

/** The same for a log that people read: said when reason or stage changes, not at every step. */
export function plainLine(object: AnyObject): string {
  const line = statusLine(object);
  const stage = line.reason === "Running" && line.stage !== undefined ? ` ${line.stage}` : "";
  return `${title(object)}: ${line.reason}${stage}${line.message === "" ? "" : `: ${line.message}`}`;
}
