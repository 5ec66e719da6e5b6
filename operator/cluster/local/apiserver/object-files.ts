import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import type { KubernetesObject } from "../../objects.ts";
import { FullDiskError, writeWhole, writing } from "../disk.ts";

/** An object of any kind as the store keeps it. */
export type Stored = KubernetesObject & { spec?: unknown; status?: unknown };

const reserve = 1_000;

/** Objects as `<directory>/<plural>/<namespace>/<name>.json`, and the counter of resource versions. */
export class ObjectFiles {
  readonly #directory: string;
  readonly #onFull: (error: FullDiskError) => void;
  #version = 0;
  #reserved = 0;

  constructor(directory: string, onFull: (error: FullDiskError) => void = () => {}) {
    this.#directory = directory;
    this.#onFull = onFull;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }

  /** Every object on disk by plural. Versions go on above the greatest one that was ever given out. */
  load(): { plural: string; object: Stored }[] {
    const found: { plural: string; object: Stored }[] = [];
    for (const entry of readdirSync(this.#directory, { recursive: true, withFileTypes: true })) {
      if (entry.isFile() && entry.name.endsWith(".tmp")) rmSync(join(entry.parentPath, entry.name));
      if (!entry.isFile() || !entry.name.endsWith(".json")) continue;
      const path = join(entry.parentPath, entry.name);
      const object = parse(path);
      this.#version = Math.max(this.#version, Number(object.metadata.resourceVersion));
      found.push({ plural: path.slice(this.#directory.length + 1).split("/")[0] ?? "", object });
    }
    this.#version = Math.max(this.#version, this.#readReserved());
    this.#reserved = this.#version;
    return found;
  }

  /**
   * The next resource version. A deleted object leaves no file, so versions are reserved on disk before they
   * are given out.
   */
  nextVersion(): string {
    this.#version += 1;
    if (this.#version > this.#reserved) {
      const reserved = this.#version + reserve;
      this.#telling(() => writeWhole(this.#reservedPath, `${reserved}\n`));
      this.#reserved = reserved;
    }
    return String(this.#version);
  }

  write(plural: string, object: Stored): void {
    const path = this.#path(plural, object);
    this.#telling(() => {
      writing(path, () => mkdirSync(dirname(path), { recursive: true }));
      writeWhole(path, `${JSON.stringify(object, null, 2)}\n`, object.kind === "Secret" ? 0o600 : 0o644);
    });
  }

  #telling(write: () => void): void {
    try {
      write();
    } catch (error) {
      if (error instanceof FullDiskError) this.#onFull(error);
      throw error;
    }
  }

  remove(plural: string, object: Stored): void {
    rmSync(this.#path(plural, object), { force: true });
  }

  #path(plural: string, { metadata }: Stored): string {
    return join(this.#directory, plural, metadata.namespace, `${metadata.name}.json`);
  }

  get #reservedPath(): string {
    return join(this.#directory, "resource-version");
  }

  #readReserved(): number {
    try {
      return Number(readFileSync(this.#reservedPath, "utf8"));
    } catch {
      return 0; // nothing was ever written here
    }
  }
}

function parse(path: string): Stored {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new Error(`${path} is not a whole JSON object; restore it or move it away, then start again`, {
      cause,
    });
  }
}
