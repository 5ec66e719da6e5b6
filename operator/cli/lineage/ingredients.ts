import { z } from "zod";
import { kinds } from "../../api/kinds.ts";
import type { DataFormat } from "../../kinds/data-formats.ts";
import type { Data, Need } from "../../kinds/needs.ts";
import { plannedKinds } from "../../planning/planned-kinds.ts";
import { pathOf } from "../manifests/manifest.ts";

/** What an object is made from, as its spec says it: also before anything has run. */

export type Ingredient =
  | { role: string; reference: { kind: string; name: string } }
  | { role: "gate"; gate: string }
  | { role: string; data: DataUsed }
  | { role: string; rules: Record<string, unknown> };

/** Files that somebody brought. */
export interface DataUsed {
  format: DataFormat;
  claimName: string;
  path: string;
  include?: readonly string[];
  language?: string;
  licence?: string;
  /** Its name among the parents in an artifact's manifest. */
  parent: string;
}

/** None where the schema refuses the spec. */
export function ingredientsOf({ kind, spec }: { kind: string; spec?: unknown }): Ingredient[] {
  const planned = plannedKinds.get(kind);
  const parsed = kinds.find(({ resource }) => resource.kind === kind)?.spec.safeParse(spec);
  if (planned === undefined || parsed?.success !== true) return [];
  const references = planned.references(parsed.data).map(({ role, kind, name }) => ({
    role,
    reference: { kind, name },
  }));
  const judged = Judged.safeParse(parsed.data);
  return [
    ...references,
    ...planned.needs(parsed.data).flatMap((need) => dataUsed(need, parsed.data) ?? []),
    ...(judged.success ? [{ role: "judge", rules: judged.data.preferences.generate.judge }] : []),
    ...(planned.gates?.(parsed.data) ?? []).map((gate) => ({ role: "gate" as const, gate })),
  ];
}

const Judged = z.object({
  preferences: z.object({ generate: z.object({ judge: z.record(z.string(), z.unknown()) }) }),
});

/** What the entry of a list says of the data that it names. */
const Entry = z.looseObject({
  name: z.string().optional(),
  language: z.string().optional(),
  languages: z.array(z.string()).optional(),
  licence: z.string().optional(),
});

function dataUsed({ name: claimName, data }: Need, spec: unknown): Ingredient | undefined {
  if (data === undefined) return undefined;
  const { format, parent, path, include } = data;
  const { name, languages, language = languages?.join(", "), licence } = entryOf(data, spec);
  return {
    role: [roleOf(data), name].filter(Boolean).join(" "),
    data: { format, claimName, path, include, language, licence, parent },
  };
}

/** The entry of a list that the data stands in, e.g. sources[0] for sources[0].from.path. */
function entryOf({ field }: Data, spec: unknown): z.output<typeof Entry> {
  const path = pathOf(field);
  const index = path.findIndex((part) => typeof part === "number");
  if (index < 0) return {};
  const entry = path
    .slice(0, index + 1)
    .reduce<unknown>((value, part) => (value as Record<string | number, unknown>)[part], spec);
  return Entry.safeParse(entry).data ?? {};
}

function roleOf({ format, parent }: Data): string {
  switch (format) {
    case "warc":
    case "wet":
    case "html":
    case "mediawiki":
    case "parquet":
    case "jsonl":
    case "text":
    case "code":
      return "source";
    case "jsquad":
    case "jcommonsenseqa":
      return parent.startsWith("examples-") ? "examples" : "benchmark";
    case "list":
      return "list";
    case "examples":
      return parent.replace("-", " ");
    case "conversations":
    case "prompts":
    case "preferences":
    case "model":
    case "tokenizer":
      return format;
  }
}
