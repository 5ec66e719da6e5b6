import { createReadStream } from "node:fs";
import { glob, open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Readable, Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { formats, tokenizerFiles } from "../../kinds/data-formats.ts";
import type { Data } from "../../kinds/needs.ts";
import type { DataFile, DataFound } from "../../planning/surroundings.ts";

/** A first look at data on this machine: which files there are, and the first record of each. */

/** A corpus may have millions; the first ones show what is wrong with all. */
const mostFiles = 100;
const longestLine = 2 ** 20;
/** JSQuAD's training set has 30 MB. */
const longestWhole = 2 ** 26;

/** `root`: the claim's directory. */
export async function lookAtData(root: string, data: Data): Promise<DataFound> {
  const path = join(root, data.path);
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => error);
  if (found instanceof Error) {
    const isAbsent = found.code === "ENOENT" || found.code === "ENOTDIR";
    return { path, is: isAbsent ? "absent" : "unreadable", files: [] };
  }
  const is = found.isDirectory() ? "directory" : "file";
  const files = is === "file" ? [path] : await filesBelow(path, data);
  return { path, is, files: await Promise.all(files.map((file) => firstRecord(file, data))) };
}

/** Files of a directory that a program would read, of a model those it must have. */
async function filesBelow(path: string, { format, include = [] }: Data): Promise<string[]> {
  switch (formats[format].place) {
    case "file":
      return [];
    case "lines":
      return (await namesIn(path)).filter((name) => name.endsWith(".jsonl")).map((name) => join(path, name));
    case "model":
      return (await namesIn(path)).map((name) => join(path, name));
    case "tokenizer":
      return (await namesIn(path))
        .filter((name) => tokenizerFiles.includes(name))
        .map((name) => join(path, name));
    case "tree":
      return matching(path, include);
  }
}

const namesIn = async (path: string): Promise<string[]> => (await readdir(path)).sort().slice(0, mostFiles);

async function matching(path: string, patterns: readonly string[]): Promise<string[]> {
  const files = new Set<string>();
  for await (const name of glob(patterns, { cwd: path })) {
    const file = join(path, name);
    if ((await stat(file).catch(() => undefined))?.isFile()) files.add(file);
    if (files.size === mostFiles) break;
  }
  return [...files].sort();
}

async function firstRecord(path: string, { format }: Data): Promise<DataFile> {
  const { record, whole, place } = formats[format];
  const isConfig = place === "model" && path.endsWith("/config.json");
  if (record === undefined && !isConfig) return { path, isEmpty: false };
  const packing = await packingOf(path);
  if (packing === "unknown here") return { path, isEmpty: false };
  const file = createReadStream(path);
  const stream = packing ? file.pipe(packing()) : file;
  try {
    const isWhole = whole || isConfig;
    const start = await read(stream, isWhole ? longestWhole : longestLine, isWhole ? undefined : hasRecord);
    return { path, ...(isWhole ? asWhole(start) : firstLine(start)) };
  } catch (error) {
    return { path, isEmpty: false, unreadable: error instanceof Error ? error.message : String(error) };
  } finally {
    file.destroy();
  }
}

/** By the first bytes, as the programs tell it. Node unpacks neither bz2 nor xz: of those nothing is looked at. */
const packings: readonly [magic: string, unpack: (() => Transform) | "unknown here"][] = [
  ["1f8b08", createGunzip],
  ["28b52ffd", createZstdDecompress],
  ["425a68", "unknown here"],
  ["fd377a585a00", "unknown here"],
];

async function packingOf(path: string): Promise<(() => Transform) | "unknown here" | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(6));
    const start = buffer.subarray(0, bytesRead).toString("hex");
    return packings.find(([magic]) => start.startsWith(magic))?.[1];
  } finally {
    await file.close();
  }
}

interface Start {
  text: string;
  /** Whether the file ends here. */
  ended: boolean;
}

/** Up to `most` bytes, or until there is enough. Throws where they are no UTF-8, as JSON must be. */
async function read(stream: Readable, most: number, enough?: (chunk: Buffer) => boolean): Promise<Start> {
  const chunks: Buffer[] = [];
  let size = 0;
  let ended = true;
  let seen = false;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    seen ||= enough?.(Buffer.concat(chunks)) ?? false;
    if (seen || size >= most) {
      ended = false;
      break;
    }
  }
  const bytes = Buffer.concat(chunks);
  const whole = ended ? bytes : bytes.subarray(0, bytes.lastIndexOf("\n") + 1);
  return { text: new TextDecoder("utf-8", { fatal: true }).decode(whole), ended };
}

/** Whether a line that is not blank is complete. */
const hasRecord = (bytes: Buffer): boolean => /\S[^\n]*\n/.test(bytes.toString("latin1"));

function firstLine({ text, ended }: Start): Pick<DataFile, "record" | "isEmpty"> {
  const lines = text.split("\n");
  const index = lines.findIndex((line) => line.trim() !== "");
  const line = lines[index];
  return line === undefined
    ? { isEmpty: ended }
    : { isEmpty: false, record: { line: index + 1, text: line } };
}

function asWhole({ text, ended }: Start): Pick<DataFile, "record" | "isEmpty"> {
  return { isEmpty: ended && text.trim() === "", record: ended ? { line: 1, text } : undefined };
}
