import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildImages } from "../images/build.ts";
import { cosignPath, cranePath, helmPath } from "../test/cluster/cluster.ts";
import { writeChecksums } from "./build.ts";
import { type Pushed, push, type Tools } from "./push.ts";
import { sign } from "./signatures.ts";

/** Pushes and signs what `make dist` and `make images` have made. */

/** As REGISTRY_USER, where it is set; otherwise as whom this machine is logged in. Helm and cosign read the same file. */
function logIn({ crane }: Tools, registry: string): void {
  const { REGISTRY_USER: user, REGISTRY_PASSWORD: input = "" } = process.env;
  const [host = ""] = registry.split("/");
  if (user) execFileSync(crane, ["auth", "login", host, "--username", user, "--password-stdin"], { input });
}

/** What provenance is attested of: files and images, in the form of sha256sum. */
function writeSubjects(pushed: Pushed, output: string): void {
  const images = Object.values(pushed).map((reference) => {
    const [name, digest = ""] = reference.split("@sha256:");
    return `${digest}  ${name}\n`;
  });
  writeFileSync(join(output, "subjects"), readFileSync(join(output, "SHA256SUMS"), "utf8") + images.join(""));
}

const [registry, folder = "build/dist"] = process.argv.slice(2);
if (!registry)
  throw new Error("REGISTRY is empty; name where to push to, as in make publish REGISTRY=ghcr.io/OWNER");
const output = resolve(folder);
const tools = { crane: await cranePath(), helm: await helmPath() };
logIn(tools, registry);
const pushed = push({ registry, images: await buildImages("cuda"), output, tools });
writeChecksums(output);
writeSubjects(pushed, output);
sign(await cosignPath(), pushed, output);
for (const reference of Object.values(pushed)) console.log(reference);
