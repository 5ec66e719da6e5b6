import { constants } from "node:fs";
import { type FileHandle, lstat, open, opendir, readlink, realpath } from "node:fs/promises";
import { dirname, extname, join, relative, sep } from "node:path";
import type { Files } from "./contract.ts";
import { HttpError } from "./http-error.ts";
import type { View, ViewedObject } from "./view.ts";

/**
 * Files that the stages of a run have left on claims that are directories of this machine: reports and
 * figures, never weights. What lies there was written by programs, so a path is believed only after it was
 * opened: no link leads out of the stage's directory.
 */

const mediaTypes = {
  ".json": "application/json",
  ".jsonl": "application/jsonl",
  ".png": "image/png",
} as const;
type MediaType = (typeof mediaTypes)[keyof typeof mediaTypes];

/** A corpus has files by the thousand; nobody reads on. */
const mostFiles = 2000;

interface StageDirectory {
  stage: string;
  /** Below the root of the claim. */
  path: string;
  claimName: string;
}

/** Where the stages that have begun write, in order. */
export function stageDirectories({ status }: ViewedObject): StageDirectory[] {
  const { stages = [], storage } = status ?? {};
  return stages.flatMap(({ name: stage, startTime, artifact }): StageDirectory[] => {
    if (artifact) return [{ stage, claimName: artifact.claimName, path: artifact.path }];
    if (storage === undefined || startTime === undefined) return [];
    return [{ stage, claimName: storage.claimName, path: join(storage.directory, stage) }];
  });
}

export async function listFiles(view: View, object: ViewedObject): Promise<Files> {
  const files: Files["files"] = [];
  for (const directory of stageDirectories(object)) {
    const root = await realRoot(view, object, directory);
    if (root !== undefined)
      files.push(...(await filesBelow(root, directory.stage, mostFiles - files.length)));
  }
  return { files };
}

async function filesBelow(root: string, stage: string, most: number): Promise<Files["files"]> {
  const files: Files["files"] = [];
  for await (const entry of await opendir(root, { recursive: true })) {
    const path = join(entry.parentPath, entry.name);
    const mediaType = mediaTypeOf(entry.name);
    if (!entry.isFile() || mediaType === undefined) continue;
    if (files.length === most) break;
    const size = await lstat(path).then(
      (found) => found.size,
      () => undefined, // taken away meanwhile
    );
    if (size !== undefined) files.push({ path: `${stage}/${relative(root, path)}`, size, mediaType });
  }
  return files.sort((one, other) => (one.path < other.path ? -1 : 1));
}

export interface OpenedFile {
  file: FileHandle;
  mediaType: MediaType;
}

/** @param path STAGE/PATH, as the list has it. */
export async function openFile(view: View, object: ViewedObject, path: string): Promise<OpenedFile> {
  const [stage = "", ...below] = path.split("/");
  const directory = stageDirectories(object).find((one) => one.stage === stage);
  const mediaType = mediaTypeOf(path);
  const root = directory && mediaType && (await realRoot(view, object, directory));
  const file = root && (await openWithin(root, below.join("/")));
  if (file && mediaType) return { file, mediaType };
  throw new HttpError(
    404,
    `${object.kind} ${object.metadata.name} has no file ${path}; its list of files has those there are`,
  );
}

/** Where the programs of a Corpus leave the report of its documents, newest first. */
const reportStages = ["tokenize", "deduplicate", "clean"] as const;

/** The newest report of a Corpus's documents; undefined where no stage has left one. */
export async function openReport(view: View, object: ViewedObject): Promise<FileHandle | undefined> {
  const begun = stageDirectories(object);
  for (const stage of reportStages) {
    // Steps of deduplication that are stages of their own leave it where the last of them writes.
    const own = begun.find((one) => one.stage === stage || one.stage.startsWith(`${stage}-`));
    if (own === undefined) continue;
    const path = own.stage === stage ? own.path : join(dirname(own.path), stage);
    const root = await realRoot(view, object, { ...own, path });
    const file = root && (await openWithin(root, "report.json"));
    if (file) return file;
  }
  return undefined;
}

const mediaTypeOf = (path: string): MediaType | undefined =>
  mediaTypes[extname(path) as keyof typeof mediaTypes];

/** The stage's directory without links; undefined where it is not there, or not on its claim. */
async function realRoot(
  view: View,
  { kind, metadata: { name, namespace } }: ViewedObject,
  { claimName, path }: StageDirectory,
): Promise<string | undefined> {
  if (view.claimDirectory === undefined)
    throw new HttpError(
      404,
      `files of ${kind} ${name} are on claim ${claimName} of the cluster, which this page cannot read; mount the claim's file system on your machine and copy them with "tanren export"`,
    );
  const real = (directory: string) => realpath(directory).catch(() => undefined);
  const claim = await real(await view.claimDirectory(namespace, claimName));
  const root = claim && (await real(join(claim, path)));
  return root && isWithin(claim, root) ? root : undefined;
}

/** Undefined for what is no file in the directory. */
async function openWithin(root: string, path: string): Promise<FileHandle | undefined> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(join(root, path), flags).catch(() => undefined);
  if (file === undefined) return undefined;
  // Where the file really is, whatever was put in its way since.
  const opened = await readlink(`/proc/self/fd/${file.fd}`);
  if (isWithin(root, opened) && (await file.stat()).isFile()) return file;
  await file.close();
  return undefined;
}

const isWithin = (root: string, path: string) => path.startsWith(root + sep) || path === root;
