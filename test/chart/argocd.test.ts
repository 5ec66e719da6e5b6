import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { healthScript } from "../../charts/src/gitops-files.ts";
import { cases } from "./health-cases.ts";

/** In the Lua that Argo CD has, built by Go. */

test("Argo CD's health checks tell every state apart", () => {
  const input = cases.map(([, , object]) => ({ script: healthScript, object }));
  const output = execFileSync("go", ["run", "."], {
    cwd: join(import.meta.dirname, "lua"),
    input: JSON.stringify(input),
    encoding: "utf8",
  });
  const found = z.array(z.object({ status: z.string(), message: z.string() })).parse(JSON.parse(output));
  expect(found.map(({ status }, at) => [cases[at]?.[0], status])).toEqual(
    cases.map(([name, , , argo]) => [name, argo]),
  );
  expect(found.filter(({ message }) => message === "")).toEqual([]);
  expect(found.at(-1)?.message).toBe("RolloutFailed: as it is");
}, 120_000);
