import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type Document, isNode, LineCounter, type Node, parseAllDocuments } from "yaml";
import { Failure } from "../failure.ts";

/** YAML files into documents that know their file and the line of every field. */

export type Path = readonly (string | number)[];

export interface ManifestDocument {
  file: string;
  /** Position in the file, from 1. */
  number: number;
  value: unknown;
  /** Line of a field, or of the nearest field around it that is there. */
  line(path: Path): number;
}

export interface DocumentsRead {
  documents: ManifestDocument[];
  problems: Problem[];
}

/** One thing wrong with a manifest: file and line, object and field, and how to fix it. */
export interface Problem {
  file: string;
  line?: number;
  /** Kind/name, as far as known. */
  object?: string;
  field?: string;
  message: string;
}

export function describeProblem({ file, line, object, field, message }: Problem): string {
  return [line === undefined ? file : `${file}:${line}`, object, field, message].filter(Boolean).join(": ");
}

/** All problems at once, so that one round of editing fixes them. */
export class InvalidManifests extends Failure {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super("invalid", [...problems.map(describeProblem), `${count}; nothing was changed`].join("\n"));
    this.problems = problems;
  }
}

/** Documents of files and of all .yaml and .yml files below directories, in sorted order. */
export async function readDocuments(paths: readonly string[]): Promise<DocumentsRead> {
  const files = [...new Set((await Promise.all(paths.map(filesOf))).flat())];
  const read = await Promise.all(files.map(readFileDocuments));
  return { documents: read.flatMap((one) => one.documents), problems: read.flatMap((one) => one.problems) };
}

/** `-`: standard input, under a name that sentences can show. */
const standardInput = "standard input";

async function filesOf(path: string): Promise<string[]> {
  if (path === "-") return [standardInput];
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw new Failure("notFound", `-f ${path}: there is no such file or directory`);
  if (!found.isDirectory()) return [path];
  const names = await readdir(path, { recursive: true });
  const files = names.filter((name) => /\.ya?ml$/i.test(name)).sort();
  if (files.length === 0) throw new Failure("notFound", `-f ${path}: the directory has no .yaml file`);
  return files.map((name) => join(path, name));
}

async function readFileDocuments(file: string): Promise<DocumentsRead> {
  const lines = new LineCounter();
  const parsed = parseAllDocuments(await contentOf(file), { lineCounter: lines, merge: true });
  const parsedDocuments: Document.Parsed[] = Array.isArray(parsed) ? parsed : [];
  const problems = parsedDocuments.flatMap((document, index) =>
    [...document.errors, ...document.warnings].map(
      (error): Problem => ({
        file,
        line: error.linePos?.[0].line,
        message: `document ${index + 1} is not YAML: ${firstLine(error.message)}`,
      }),
    ),
  );
  if (problems.length > 0) return { documents: [], problems };
  const documents = parsedDocuments.flatMap((document, index): ManifestDocument[] => {
    const value: unknown = document.toJS();
    // Comments between two `---` are no object.
    if (value === null || value === undefined) return [];
    return [{ file, number: index + 1, value, line: (path) => lines.linePos(offsetOf(document, path)).line }];
  });
  if (documents.length === 0)
    problems.push({ file, message: "the file has no object; write one or remove the file" });
  return { documents, problems };
}

const contentOf = (file: string): Promise<string> =>
  file === standardInput ? text(process.stdin) : readFile(file, "utf8");

function offsetOf(document: Document.Parsed, path: Path): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return node.range[0];
  }
  const contents: Node | null = document.contents;
  return contents?.range?.[0] ?? 0;
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? message).replace(/ at line \d+, column \d+:?$/, "");
}
