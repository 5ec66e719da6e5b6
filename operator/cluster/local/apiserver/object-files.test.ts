import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FullDiskError } from "../disk.ts";
import { ObjectFiles, type Stored } from "./object-files.ts";

const anObject = (text: string): Stored => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: {
    name: "large",
    namespace: "default",
    uid: "u",
    resourceVersion: "1",
    creationTimestamp: "2026-01-01T00:00:00Z",
  },
  spec: { text },
});

// A disk of a size of its own takes root to mount.
test.runIf(process.getuid?.() === 0)(
  "a full disk is one sentence, leaves no half file and what stood there, and is written to when there is room",
  () => {
    const disk = mkdtempSync(join(tmpdir(), "tanren-disk-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=128k", "tmpfs", disk]);
    try {
      const files = new ObjectFiles(join(disk, "objects"));
      files.write("configmaps", anObject("small"));
      const large = anObject("x".repeat(200_000));
      expect(() => files.write("configmaps", large)).toThrow(FullDiskError);
      expect(() => files.write("configmaps", large)).toThrow(
        /^the disk is full, so that \/.*large\.json cannot be written; free space/,
      );
      expect(readdirSync(join(disk, "objects/configmaps/default"))).toEqual(["large.json"]);
      const read = () => new ObjectFiles(join(disk, "objects")).load().map(({ object }) => object);
      expect(read()).toEqual([anObject("small")]);
      execFileSync("mount", ["-o", "remount,size=4m", disk]);
      files.write("configmaps", large);
      expect(read()).toEqual([large]);
    } finally {
      execFileSync("umount", ["-l", disk]);
      rmSync(disk, { recursive: true });
    }
  },
);
