import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { problemsOfRelease, versions } from "./versions.ts";

/** Ends with 1 where the tag must not be released, and says why. */
const repository = fileURLToPath(new URL("..", import.meta.url));
const changelog = readFileSync(new URL("../CHANGELOG.md", import.meta.url), "utf8");
const problems = problemsOfRelease(process.argv[2] ?? "", versions(repository), changelog);
for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
