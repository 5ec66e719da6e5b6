import { basename } from "node:path";
import { kinds } from "../api/kinds.ts";
import { type FormatEntry, formats, recordProblem, tokenizerFiles } from "../kinds/data-formats.ts";
import { type Data, missingNeed, type Need } from "../kinds/needs.ts";
import type { DataFile, DataFound, Finding, Surroundings } from "./surroundings.ts";

/** What an object needs beside objects of the six kinds, held against what there is. */
export function judgeNeeds(needs: readonly Need[], namespace: string, surroundings: Surroundings): Finding[] {
  return needs.flatMap((need) => {
    const presence = surroundings.presence(need, namespace);
    const field = `spec.${need.field}`;
    if (presence === "unreadable") {
      const message = `${need.kind} ${need.name} cannot be checked: you may not read it`;
      return [{ severity: "warning", about: "surroundings", field, message }];
    }
    if (presence === "absent") {
      // Pods start without a Secret to pull with, and fail only where the registry asks for it.
      const mayDoWithout = need.field.startsWith("compute.imagePullSecrets");
      const severity = surroundings.mayCome || mayDoWithout ? "warning" : "error";
      return [{ severity, about: "surroundings", field, ...missingNeed(need) }];
    }
    const found = need.data && surroundings.data(need, namespace);
    if (need.data === undefined || found === undefined) return [];
    return dataFindings(need.data, found);
  });
}

/** Where runs write on a claim: what is missing there may come. */
const isMadeByRun = ({ path }: Data): boolean =>
  kinds.some(({ resource }) => path.startsWith(`${resource.plural}/`));

function dataFindings(data: Data, found: DataFound): Finding[] {
  const entry = formats[data.format];
  const finding = (message: string, severity: Finding["severity"]): Finding => ({
    severity,
    about: "surroundings",
    reason: "InvalidData",
    field: `spec.${data.field}`,
    message,
  });
  const misplaced = placeProblem(entry, data, found);
  if (misplaced !== undefined) return [finding(misplaced, isMadeByRun(data) ? "warning" : "error")];
  if (entry.record !== undefined && found.files.every(({ isEmpty }) => isEmpty)) {
    const named = found.files.map(({ path }) => path).join(", ");
    return [finding(`${named} is empty; ${entry.mend}`, "error")];
  }
  return found.files.flatMap((file) => {
    if (file.unreadable !== undefined)
      return [finding(`${file.path} cannot be read: ${file.unreadable}`, "error")];
    const problem = file.record && recordProblem(data.format, file.record.text, data.textField);
    if (problem === undefined) return [];
    // What programs pass over makes no run fail.
    return [finding(`${placeOf(entry, file)}: ${problem}`, entry.lenient ? "warning" : "error")];
  });
}

const placeOf = ({ whole }: FormatEntry, { path, record }: DataFile): string =>
  whole || record === undefined ? path : `${path}:${record.line}`;

function placeProblem({ place, mend }: FormatEntry, data: Data, found: DataFound): string | undefined {
  const { path, is, files } = found;
  if (is === "absent") return `${path} does not exist; put the data there or correct the path`;
  if (is === "unreadable") return `${path} cannot be read; make it readable or correct the path`;
  switch (place) {
    case "file":
      return is === "directory" ? `${path} is a directory; name a file in it` : undefined;
    case "lines":
      return files.length === 0 ? `${path} has no .jsonl file; put one there or name a file` : undefined;
    case "tokenizer":
      return files.length === 0 ? `${path} has no tokenizer; ${mend}` : undefined;
    case "tree":
      if (is === "file") return `${path} is a file; name its directory, and the file in \`include\``;
      return files.length === 0
        ? `no file of ${path} matches include ${JSON.stringify(data.include)}; put files there or correct the patterns`
        : undefined;
    case "model": {
      const missing =
        is === "file" ? "config.json" : missingOfModel(files.map((file) => basename(file.path)));
      return missing && `${path} has no ${missing}; ${mend}`;
    }
  }
}

function missingOfModel(names: readonly string[]): string | undefined {
  if (!names.includes("config.json")) return "config.json";
  if (!tokenizerFiles.some((name) => names.includes(name))) return tokenizerFiles.join(" or ");
  return names.some((name) => name.endsWith(".safetensors")) ? undefined : ".safetensors file";
}
