import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { dirname, join, normalize, sep } from "node:path";
import type { Pod, Volume } from "../../objects.ts";
import { claims, configMaps, secrets } from "../../resource.ts";
import type { Store } from "../apiserver/store.ts";
import { writeWhole } from "../disk.ts";
import { claimDirectory } from "./claims.ts";

/** Why a container cannot be made yet, as its waiting state says it. */
export class NotReadyError extends Error {
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What the container would see as `/`. */
export function rootDirectory(podDirectory: string): string {
  return join(podDirectory, "root");
}

/**
 * Lays out `<pod>/root` as the container would see `/`: every mount is a symbolic link to its volume. Returns
 * the working directory. Safe to repeat.
 */
export function mountVolumes(store: Store, stateDirectory: string, podDirectory: string, pod: Pod): string {
  const root = rootDirectory(podDirectory);
  const [container] = pod.spec.containers;
  const sources = new Map(
    pod.spec.volumes.map((volume) => [volume.name, source(store, stateDirectory, podDirectory, pod, volume)]),
  );
  const mounts = container?.volumeMounts.toSorted((a, b) => a.mountPath.length - b.mountPath.length) ?? [];
  for (const { name, mountPath, subPath = "" } of mounts) {
    const volume = sources.get(name);
    if (!volume)
      throw new NotReadyError(
        "CreateContainerConfigError",
        `volume "${name}" of mount ${mountPath} is not in spec.volumes`,
      );
    const target = join(volume, subPath);
    if (!`${target}${sep}`.startsWith(`${volume}${sep}`)) {
      throw new NotReadyError(
        "CreateContainerConfigError",
        `subPath "${subPath}" of mount ${mountPath} leads out of its volume`,
      );
    }
    if (!existsSync(target)) mkdirSync(target, { recursive: true });
    link(target, join(root, normalize(`/${mountPath}`)), podDirectory);
  }
  const workingDirectory = join(root, normalize(`/${container?.workingDir ?? ""}`));
  mkdirSync(workingDirectory, { recursive: true });
  return workingDirectory;
}

/** Brings the files of the ConfigMap and Secret volumes up to date. */
export function refreshVolumes(store: Store, podDirectory: string, pod: Pod): void {
  for (const volume of pod.spec.volumes) {
    if (volume.configMap || volume.secret) materialise(store, podDirectory, pod, volume);
  }
}

function source(
  store: Store,
  stateDirectory: string,
  podDirectory: string,
  pod: Pod,
  volume: Volume,
): string {
  const { name, persistentVolumeClaim } = volume;
  if (volume.configMap || volume.secret) return materialise(store, podDirectory, pod, volume);
  if (persistentVolumeClaim) {
    const claim = store.get(claims, pod.metadata.namespace, persistentVolumeClaim.claimName);
    if (!claim)
      throw new NotReadyError(
        "ContainerCreating",
        `persistentvolumeclaim "${persistentVolumeClaim.claimName}" not found`,
      );
    const directory = claimDirectory(stateDirectory, claim);
    if (!existsSync(directory)) {
      throw new NotReadyError(
        "ContainerCreating",
        `directory ${directory} of persistentvolumeclaim "${claim.metadata.name}" does not exist`,
      );
    }
    return directory;
  }
  const directory = join(podDirectory, "volumes", name);
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Writes each key as a file; a change replaces the file as a whole, under the same name. */
function materialise(store: Store, podDirectory: string, pod: Pod, volume: Volume): string {
  const directory = join(podDirectory, "volumes", volume.name);
  const { files, mode } = contents(store, pod.metadata.namespace, volume);
  mkdirSync(directory, { recursive: true, mode: volume.secret ? 0o700 : 0o755 });
  for (const [key, content] of Object.entries(files)) {
    const path = join(directory, key);
    if (!existsSync(path) || !readFileSync(path).equals(content)) writeWhole(path, content, mode);
  }
  for (const stale of readdirSync(directory)) if (!(stale in files)) rmSync(join(directory, stale));
  return directory;
}

function contents(
  store: Store,
  namespace: string,
  { configMap, secret }: Volume,
): { files: Record<string, Buffer>; mode: number } {
  if (configMap) {
    const found = store.get(configMaps, namespace, configMap.name);
    if (!found) throw new NotReadyError("ContainerCreating", `configmap "${configMap.name}" not found`);
    return { files: decoded(found.data, "utf8"), mode: 0o444 };
  }
  const name = secret?.secretName ?? "";
  const found = store.get(secrets, namespace, name);
  if (!found) throw new NotReadyError("ContainerCreating", `secret "${name}" not found`);
  return { files: decoded(found.data, "base64"), mode: 0o400 };
}

/** Keys are file names; the API server allows no others, so one with a slash is nobody's honest wish. */
function decoded(data: Record<string, string>, encoding: "utf8" | "base64"): Record<string, Buffer> {
  const files = Object.entries(data ?? {}).filter(
    ([key]) => /^[-._a-zA-Z0-9]+$/.test(key) && !key.startsWith(".."),
  );
  return Object.fromEntries(files.map(([key, value]) => [key, Buffer.from(value, encoding)]));
}

function link(target: string, path: string, podDirectory: string): void {
  mkdirSync(dirname(path), { recursive: true });
  if (!`${realpathSync(dirname(path))}${sep}`.startsWith(`${realpathSync(podDirectory)}${sep}`)) {
    throw new NotReadyError(
      "CreateContainerConfigError",
      `mount ${path} lies inside a claim's mount; mount it beside instead`,
    );
  }
  // One that is right stays: a program may be at work behind it.
  if (lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() && readlinkSync(path) === target) return;
  rmSync(path, { force: true, recursive: true });
  symlinkSync(target, path);
}
