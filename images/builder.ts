import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { copyFile, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { command } from "./commands.ts";
import { lockOf } from "./folder-lock.ts";

const run = promisify(execFile);

export interface Build {
  tag: string;
  containerfile: string;
  /**
   * Stages of the Containerfile that leave nothing in the image but files: they are named too, and so kept
   * for the next build.
   */
  stages?: string[];
  context: string;
  args: Record<string, string>;
}

/** Buildah with a storage of its own: a build whose inputs were seen before takes its layers from there. */
export class Builder {
  readonly #storage: string[];
  readonly #directory: string;
  readonly #temporary: string;
  readonly #env: Record<string, string>;

  constructor(directory: string) {
    lockOf(directory);
    this.#directory = directory;
    this.#storage = ["--root", join(directory, "storage"), "--runroot", join(directory, "run")];
    this.#temporary = join(directory, "tmp");
    mkdirSync(this.#temporary, { recursive: true });
    this.#env = { BUILDAH_ISOLATION: "chroot", TMPDIR: this.#temporary };
  }

  /** Builds and returns the image's id: the digest of its configuration, which names all of its content. */
  async build({ tag, containerfile, stages = [], context, args }: Build): Promise<string> {
    const certificates = await this.#certificates();
    const id = `${this.#file(tag)}.id`;
    const given = Object.entries({ ...args, ...certificates.args }).flatMap(([name, value]) => [
      "--build-arg",
      `${name}=${value}`,
    ]);
    const common = ["--layers", "--pull=false", "--file", containerfile, ...certificates.volume, ...given];
    for (const stage of stages)
      await this.#command(tag, "bud", ...common, "--target", stage, "--tag", `${tag}-${stage}`, context);
    await this.#command(tag, "bud", ...common, "--iidfile", id, "--tag", tag, context);
    return (await readFile(id, "utf8")).trim().replace("sha256:", "");
  }

  /** Writes an image as an OCI archive, whole or not at all; returns the digest of its manifest. */
  async save(id: string, name: string, archive: string): Promise<string> {
    const [partial, digest] = [`${archive}.partial`, `${archive}.digest`];
    await rm(partial, { force: true });
    const how = ["--compression-format", "zstd", "--compression-level", "1", "--digestfile", digest];
    await this.#command(name, "push", ...how, id, `oci-archive:${partial}:${name}`);
    await rename(partial, archive);
    return (await readFile(digest, "utf8")).trim();
  }

  /**
   * Gives an image labels that are found by looking at its files; returns the id of the image that has them.
   */
  label(id: string, look: (root: string) => Promise<Record<string, string>>): Promise<string> {
    return this.#opened(id, async (container, root) => {
      const labels = Object.entries(await look(root)).flatMap(([name, value]) => [
        "--label",
        `${name}=${value}`,
      ]);
      await this.#ask("config", ...labels, container);
      return await this.#ask("commit", "--quiet", container);
    });
  }

  /** Shows the files of an image to a function. */
  look<T>(id: string, use: (root: string) => Promise<T>): Promise<T> {
    return this.#opened(id, (_, root) => use(root));
  }

  async #opened<T>(id: string, use: (container: string, root: string) => Promise<T>): Promise<T> {
    const container = await this.#ask("from", "--pull-never", id);
    try {
      return await use(container, await this.#ask("mount", container));
    } finally {
      await this.#ask("rm", container);
    }
  }

  /** Gives an image a name, by which it is kept. */
  async name(id: string, name: string): Promise<void> {
    await this.#ask("tag", id, name);
  }

  /**
   * What has one of these names, or one of them with a suffix, is kept, and all that it was made from;
   * everything else goes. Only for whoever is alone with the storage: containers and temporary files in it
   * are then those of builds that were killed.
   */
  async keepOnly(names: readonly string[]): Promise<void> {
    await this.#ask("rm", "--all");
    const isKept = (name: string) => names.some((kept) => `${name}-`.startsWith(`localhost/${kept}-`));
    const found = (await this.#ask("images", "--format", "{{.Name}}")).split("\n");
    const others = found.filter((name) => name.startsWith("localhost/") && !isKept(name));
    if (others.length > 0) await this.#ask("rmi", ...others);
    await this.#ask("rmi", "--prune");
    await rm(this.#temporary, { recursive: true, force: true });
    await mkdir(this.#temporary);
  }

  /** Where what concerns a name is kept, without its ending. */
  #file(name: string): string {
    return join(this.#directory, name.replaceAll(/[^a-z0-9.-]/g, "-"));
  }

  /**
   * Runs what may take long; its words go to the log of a name. It holds this process's lock: it may outlive
   * it.
   */
  async #command(name: string, ...words: string[]): Promise<void> {
    const log = `${this.#file(name)}.log`;
    await command(["buildah", ...this.#storage, ...words], {
      env: this.#env,
      log,
      file: lockOf(this.#directory).file,
    });
  }

  async #ask(...args: string[]): Promise<string> {
    const { stdout } = await run("buildah", [...this.#storage, ...args], {
      env: { ...process.env, ...this.#env },
    });
    return stdout.trim();
  }

  /**
   * This machine's certificates, for a network that goes through a proxy with its own; the images do not get
   * them.
   */
  async #certificates(): Promise<{ volume: string[]; args: Record<string, string> }> {
    const bundle = process.env.SSL_CERT_FILE;
    if (bundle === undefined) return { volume: [], args: {} };
    const directory = join(this.#directory, "certificates");
    await mkdir(directory, { recursive: true });
    await copyFile(bundle, join(directory, "bundle.pem"));
    const path = "/mnt/bundle.pem";
    return {
      volume: ["--volume", `${directory}:/mnt:ro`],
      args: { PIP_CERT: path, SSL_CERT_FILE: path, NODE_EXTRA_CA_CERTS: path },
    };
  }
}
