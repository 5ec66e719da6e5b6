import { figure } from "./units.ts";

/** A line of a kernel's log (JSON) as a person reads it: time, event, then the other fields as name=value. */
export function readableLogLine(line: string): string {
  const fields = jsonObject(line);
  if (fields === undefined) return line;
  const { time, program: _, event, ...others } = fields;
  const clock = typeof time === "string" ? time.slice(11, 19) : "";
  const rest = Object.entries(others).map(([name, value]) => `${name}=${valueText(value)}`);
  return [clock, textOf(event), ...rest].filter(Boolean).join("  ");
}

function jsonObject(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value);

function valueText(value: unknown): string {
  if (typeof value === "number") return figure(value);
  if (typeof value === "string") return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  return JSON.stringify(value);
}
