import type { Mount } from "../kinds/batch-kind.ts";

/** Where files of a program lie for people, who know claims and not the pod's mounts. */

export interface MountedClaims {
  inputs: readonly Mount[];
  output?: { claimName: string; directory: string };
}

/** The program's sentence with its own paths, `inputs/data/a.jsonl`, as `claim files, data/a.jsonl`. */
export function inWordsOfClaims(sentence: string, { inputs, output }: MountedClaims): string {
  const places = new Map<string, Pick<Mount, "claimName" | "path">>(
    inputs.map((mount) => [`inputs/${mount.name}`, mount]),
  );
  if (output !== undefined) places.set("output", { claimName: output.claimName, path: output.directory });
  return sentence.replaceAll(programPath, (found, mount: string, below = "") => {
    const place = places.get(mount);
    if (place === undefined) return found;
    const path = place.path === "." ? below.slice(1) : place.path + below;
    return path === "" ? `claim ${place.claimName}` : `claim ${place.claimName}, ${path}`;
  });
}

/** `inputs/NAME` or `output`, where a word begins, and what follows of the path. */
const programPath =
  /(?<![\w./-])(?:\/tanren\/)?(inputs\/[\w.-]*\w|output(?=\/))((?:\/[^\s/:;,'"]+)*(?<![.]))/g;
