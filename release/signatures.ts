import { execFileSync } from "node:child_process";
import { join } from "node:path";
import packageJson from "../package.json" with { type: "json" };
import type { Pushed } from "./push.ts";

const { version } = packageJson;

/**
 * Signs what was pushed, each image with its bill of materials, and the checksums of all files. Nobody keeps a key: who
 * signs is the workflow, by the token that it is given for that, and Sigstore's log says so.
 */
export function sign(cosign: string, pushed: Pushed, output: string): void {
  const run = (...words: string[]) => execFileSync(cosign, [...words, "--yes"], { stdio: "inherit" });
  for (const reference of Object.values(pushed)) run("sign", reference);
  for (const part of ["operator", "kernels"] as const) {
    const predicate = join(output, `tanren-${part}-${version}.spdx.json`);
    run("attest", "--type", "spdxjson", "--predicate", predicate, pushed[part]);
  }
  const sums = join(output, "SHA256SUMS");
  run("sign-blob", sums, "--bundle", `${sums}.sigstore.json`);
}
