import type { ObjectName } from "../cluster/object-key.ts";
import type { Refusal } from "../estimates/refusal.ts";
import type { Need } from "../kinds/needs.ts";

/** What there is beside the manifests, and what is found by holding them against it. */

/**
 * Whether something that an object needs is there. `expected`: the operator makes it for another object.
 * `unreadable`: whoever asks may not read it.
 */
export type Presence = "present" | "absent" | "expected" | "unreadable";

export interface Surroundings {
  presence(need: Need, namespace: string): Presence;
  /** What lies where the data of a need should be; undefined where nobody can look. */
  data(need: Need, namespace: string): DataFound | undefined;
  /** The claim that would be made for the object, where one of that name is there and is not the object's. */
  takenClaim(object: ObjectName): string | undefined;
  /** Where pods run, if that is one machine. */
  machine?: Machine;
  /**
   * Whether what is missing may come without the manifests: others make claims and classes of a cluster, and
   * nobody fills a directory of this machine.
   */
  mayCome: boolean;
}

/** The one machine of the local adapter. */
export interface Machine {
  cpus: number;
}

export interface DataFound {
  /** Absolute, on this machine. */
  path: string;
  is: "absent" | "unreadable" | "file" | "directory";
  /** Those a program would read, of many the first ones. */
  files: DataFile[];
}

export interface DataFile {
  path: string;
  /** The first record; absent where the format has none, the file has none, or it is too long to look at. */
  record?: { line: number; text: string };
  isEmpty: boolean;
  /** Why it cannot be read. */
  unreadable?: string;
}

/**
 * One thing that an object cannot succeed with as things stand (error), or that is not there yet or cannot be
 * told (warning).
 */
export interface Finding extends Omit<Refusal, "reason"> {
  severity: "error" | "warning";
  /** As the operator gives it in the root condition; absent where it would have nothing to say. */
  reason?: Refusal["reason"];
  /** Whether the manifests themselves are wrong, or what they are held against. */
  about: "manifests" | "surroundings";
  /** Below the object, e.g. spec.model. */
  field?: string;
}
