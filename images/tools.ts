import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { command, say } from "./commands.ts";

/** Whether a program is on the search path; root's own folders are looked at too. */
function found(program: string): boolean {
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs what builds images where it is missing; says what is missing where it cannot. */
export async function installTools(log: string): Promise<void> {
  if (process.getuid?.() !== 0)
    throw new Error(
      "images are built by root here (debootstrap and buildah's chroot); run make images as root",
    );
  const missing = ["debootstrap", "buildah"].filter((program) => !found(program));
  if (missing.length === 0) return;
  if (!found("apt-get"))
    throw new Error(
      `${missing.join(" and ")} is missing, and there is no apt-get to install it: install it by hand`,
    );
  say(`installing ${missing.join(", ")}`);
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  const install = () =>
    command(["apt-get", "install", "--yes", "--no-install-recommends", ...missing], { env, log });
  await install().catch(async () => {
    await command(["apt-get", "update"], { log });
    await install();
  });
}
