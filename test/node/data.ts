import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { say } from "../../images/commands.ts";
import { type Manifest, quickstartManifests } from "./manifests.ts";
import { namespace, repository, type World } from "./world.ts";

/** The quickstart's raw material, cut to some hundred pages, on the claims that its manifests name. */

const run = promisify(execFile);
const pagesOfALanguage = 300;

export async function fillClaims(world: World): Promise<void> {
  const work = await mkdtemp(join(tmpdir(), "tanren-node-data-"));
  try {
    say("raw material");
    const data = await rawMaterial(work);
    const claims = quickstartManifests().filter(({ kind }) => kind === "PersistentVolumeClaim");
    await world.apply(...claims, loader(claims.map(({ metadata }) => metadata.name)));
    await world.wait("pod/loader", "condition=Ready");
    const sources = {
      "web-pages": join(data, "web"),
      "program-code": join(data, "code"),
      "small-files": join(repository, "examples/quickstart/data"),
    };
    for (const [claim, source] of Object.entries(sources))
      await world.kubectl("cp", `${source}/.`, `${namespace}/loader:/claims/${claim}`);
    await world.kubectl("delete", "pod", "loader", "--namespace", namespace, "--grace-period=1");
  } finally {
    await rm(work, { recursive: true });
  }
}

/** A directory with `web` and `code`, as the quickstart makes it from a directory of one's own. */
async function rawMaterial(work: string): Promise<string> {
  const python = join(repository, ".venv/bin/python");
  const program = join(repository, "examples/quickstart/make_data.py");
  const packages = join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "tanren/manuals");
  // Only what the packages hold: of all their pages, web archives take longer than the rest.
  const unpack =
    "import pathlib, sys, make_data; print(make_data.unpack_packages(pathlib.Path(sys.argv[1])))";
  const { stdout } = await run(python, ["-c", unpack, packages], {
    cwd: join(repository, "examples/quickstart"),
  });
  const text = join(work, "text");
  const help = join(stdout.trim(), "usr/share/libreoffice/help");
  for (const [language, folder] of [
    ["ja", "ja"],
    ["en", "en-US"],
  ] as const)
    await copySome(join(help, folder, "text"), join(text, language));
  await cp(join(repository, "kernels/tanren_kernels"), join(text, "code"), {
    recursive: true,
    filter: (path) => !path.includes("__pycache__"),
  });
  await run(python, [program, "--output", join(work, "data"), "--text", text]);
  return join(work, "data");
}

async function copySome(from: string, to: string): Promise<void> {
  const pages = (await readdir(from, { recursive: true })).filter((path) => path.endsWith(".html")).sort();
  await mkdir(to, { recursive: true });
  const step = Math.max(1, Math.floor(pages.length / pagesOfALanguage));
  const some = pages.filter((_, index) => index % step === 0);
  await Promise.all(some.map((page, index) => cp(join(from, page), join(to, `${index}.html`))));
}

/** A pod through which files are copied: restricted as the programs are. */
function loader(claims: string[]): Manifest {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "loader" },
    spec: {
      automountServiceAccountToken: false,
      securityContext: {
        runAsNonRoot: true,
        runAsUser: 65_532,
        fsGroup: 65_532,
        seccompProfile: { type: "RuntimeDefault" },
      },
      containers: [
        {
          name: "loader",
          image: "tanren-kernels:0.1.0",
          command: ["sleep", "infinity"],
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          volumeMounts: claims.map((name) => ({ name, mountPath: `/claims/${name}` })),
        },
      ],
      volumes: claims.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
    },
  };
}
