import { stringify } from "yaml";

/** This machine's kind in Go's names, which krew and image registries use. */
export function goArchitecture(): string {
  const known: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };
  const name = known[process.arch];
  if (name === undefined) throw new Error(`no release is made for ${process.arch}; build on x64 or arm64`);
  return name;
}

export interface Archive {
  os: string;
  /** In Go's names. */
  arch: string;
  url: string;
  sha256: string;
}

/** The manifest by which krew installs `kubectl tanren`. */
export function krewManifest(version: string, archives: readonly Archive[]): string {
  return stringify(
    {
      apiVersion: "krew.googlecontainertools.github.com/v1alpha2",
      kind: "Plugin",
      metadata: { name: "tanren" },
      spec: {
        version: `v${version}`,
        shortDescription: "Train and serve language models",
        description: [
          "From raw web pages to a served language model, as Kubernetes resources:",
          "checks, plans, applies and watches the six kinds of Tanren, shows logs",
          "and lineage, and talks to the model that is served.",
        ].join("\n"),
        caveats: "The operator must be installed in the cluster, by its Helm chart.",
        platforms: archives.map(({ os, arch, url, sha256 }) => ({
          selector: { matchLabels: { os, arch } },
          uri: url,
          sha256,
          // The command tells by the name it is called by that it is the plugin, and krew calls it kubectl-tanren.
          bin: "tanren",
          files: [
            { from: "tanren", to: "." },
            { from: "LICENSE", to: "." },
          ],
        })),
      },
    },
    { lineWidth: 0 },
  );
}
