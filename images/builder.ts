import { execFile } from "node:child_process";
import { copyFile, mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { command } from "./commands.ts";

const run = promisify(execFile);

export interface Build {
  tag: string;
  containerfile: string;
  context: string;
  args: Record<string, string>;
}

/** Buildah with a storage of its own: a build whose inputs were seen before takes its layers from there. */
export class Builder {
  readonly #storage: string[];
  readonly #directory: string;
  readonly #env = { BUILDAH_ISOLATION: "chroot" };

  constructor(directory: string) {
    this.#directory = directory;
    this.#storage = ["--root", join(directory, "storage"), "--runroot", join(directory, "run")];
  }

  /** Builds and returns the image's id: the digest of its configuration, which names all of its content. */
  async build({ tag, containerfile, context, args }: Build): Promise<string> {
    const certificates = await this.#certificates();
    const id = join(this.#directory, `${tag.replaceAll(/[^a-z0-9.-]/g, "-")}.id`);
    const given = Object.entries({ ...args, ...certificates.args }).flatMap(([name, value]) => [
      "--build-arg",
      `${name}=${value}`,
    ]);
    await command(
      [
        "buildah",
        ...this.#storage,
        "bud",
        "--layers",
        "--pull=false",
        ...["--iidfile", id, "--tag", tag, "--file", containerfile],
        ...certificates.volume,
        ...given,
        context,
      ],
      { env: this.#env, log: this.log(tag) },
    );
    return (await readFile(id, "utf8")).trim().replace("sha256:", "");
  }

  /** Writes an image as an OCI archive, whole or not at all; returns the digest of its manifest. */
  async save(id: string, name: string, archive: string): Promise<string> {
    const [partial, digest] = [`${archive}.partial`, `${archive}.digest`];
    await rm(partial, { force: true });
    const push = [
      "push",
      ...["--compression-format", "zstd", "--compression-level", "1"],
      "--digestfile",
      digest,
      id,
      `oci-archive:${partial}:${name}`,
    ] as const;
    await command(["buildah", ...this.#storage, ...push], { env: this.#env, log: this.log(name) });
    await rename(partial, archive);
    return (await readFile(digest, "utf8")).trim();
  }

  /** Gives an image labels that are found by looking at its files; returns the id of the image that has them. */
  label(id: string, look: (root: string) => Promise<Record<string, string>>): Promise<string> {
    return this.#opened(id, async (container, root) => {
      const labels = Object.entries(await look(root)).flatMap(([name, value]) => ["--label", `${name}=${value}`]);
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

  log(tag: string): string {
    return join(this.#directory, `${tag.replaceAll(/[^a-z0-9.-]/g, "-")}.log`);
  }

  async #ask(...args: string[]): Promise<string> {
    const { stdout } = await run("buildah", [...this.#storage, ...args], { env: { ...process.env, ...this.#env } });
    return stdout.trim();
  }

  /** This machine's certificates, for a network that goes through a proxy with its own; the images do not get them. */
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
