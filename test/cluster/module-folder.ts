import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";

/** Where the files of a module are that a folder here names; go fetches them where only the program is kept. */
export async function moduleFolder(folder: string, module: string): Promise<string> {
  const { stdout } = await promisify(execFile)("go", ["mod", "download", "-json", module], {
    cwd: join(import.meta.dirname, folder),
  });
  return z.object({ Dir: z.string() }).parse(JSON.parse(stdout)).Dir;
}
