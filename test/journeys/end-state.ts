import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/** What is left of a journey, with everything masked that differs between two runs that went the same way. */

interface Stored {
  kind: string;
  metadata: { name: string; uid: string; finalizers?: string[]; labels?: Record<string, string> };
  spec?: unknown;
  status?: unknown;
  data?: unknown;
}

/** Objects of a state directory, by plural, without Events and pods, whose names are random. */
export function endState(state: string): Record<string, unknown> {
  const root = join(state, "objects");
  const objects = readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== "events" && entry.name !== "pods")
    .flatMap((entry) =>
      files(join(root, entry.name)).map((file) => JSON.parse(readFileSync(file, "utf8")) as Stored),
    );
  const known = new Map(objects.map((object) => [object.metadata.uid, `<uid of ${object.metadata.name}>`]));
  const kept = objects.map(({ kind, metadata, spec, status, data }) => [
    `${kind}/${metadata.name}`,
    mask({ labels: metadata.labels, finalizers: metadata.finalizers, spec, status, data }, known),
  ]);
  return Object.fromEntries(kept.sort(([a], [b]) => String(a).localeCompare(String(b))));
}

/** Event reasons by object, without counts: how often a wait was told is a matter of time. */
export function eventReasons(state: string): string[] {
  const told = files(join(state, "objects", "events")).map((file) => {
    const event = JSON.parse(readFileSync(file, "utf8")) as {
      reason: string;
      regarding: { kind: string; name: string };
    };
    return `${event.regarding.kind}/${event.regarding.name} ${event.reason}`;
  });
  return [...new Set(told)].sort();
}

/** Commands of processes that still work below the state directory. */
export function leftProcesses(state: string): string[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .flatMap((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`).startsWith(state)
          ? [readFileSync(`/proc/${pid}/cmdline`, "utf8")]
          : [];
      } catch {
        return []; // The process ended meanwhile, or is not ours to look at.
      }
    });
}

function files(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(entry.parentPath, entry.name));
}

function mask(value: unknown, uids: ReadonlyMap<string, string>): unknown {
  let text = JSON.stringify(value, (_, inner: unknown) => inner ?? undefined);
  for (const [uid, name] of uids)
    text = text.replaceAll(uid, name).replaceAll(uid.slice(0, 8), `${name} short`);
  return JSON.parse(text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "<time>"));
}
