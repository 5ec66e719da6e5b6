import { useMemo } from "preact/hooks";
import type { Artifact } from "../../../operator/api/artifact.ts";
import { bytes, count } from "../../../operator/cli/terminal/units.ts";
import { usePage } from "../context.ts";
import { t } from "../language/language.ts";
import { identityOf, keyOfObject, type Shown } from "../objects/objects.ts";
import { artifactsOf, makersByDigest, readersByKey } from "../objects/references.ts";
import { Digest, Facts, Panel } from "../parts/facts.tsx";
import { ObjectLink } from "../parts/object-link.tsx";
import { Empty } from "../parts/states.tsx";

/** What an object's artifacts were made from, digest by digest, and what was made from it. */
export function LineagePage({ object }: Shown) {
  const { store } = usePage();
  const objects = store.objects.value;
  const makers = useMemo(() => makersByDigest(objects.values()), [objects]);
  const readers = useMemo(
    () => readersByKey(objects.values()).get(keyOfObject(object)) ?? [],
    [objects, object],
  );
  const { served, rollingOut } = object.status ?? {};
  const artifacts = artifactsOf(object).toReversed();
  return (
    <div class="panels">
      {served && <ArtifactPanel title={t("served")} artifact={served} makers={makers} />}
      {rollingOut && <ArtifactPanel title={t("rollingOut")} artifact={rollingOut} makers={makers} />}
      {artifacts.map((artifact) => (
        <ArtifactPanel
          key={artifact.digest}
          title={t("artifact.of", { stage: artifact.stage })}
          artifact={artifact}
          makers={makers}
        />
      ))}
      {artifacts.length === 0 && !served && !rollingOut && <Empty>{t("lineage.empty")}</Empty>}
      <Panel title={t("readers")}>
        {readers.length === 0 ? (
          <Empty>{t("readers.none")}</Empty>
        ) : (
          <ul class="plain">
            {readers.map((reader) => {
              const identity = identityOf(reader);
              return (
                <li key={keyOfObject(reader)}>
                  {identity && <ObjectLink identity={identity} part="lineage" />}
                </li>
              );
            })}
          </ul>
        )}
      </Panel>
    </div>
  );
}

type Makers = ReturnType<typeof makersByDigest>;

function ArtifactPanel({ title, artifact, makers }: { title: string; artifact: Artifact; makers: Makers }) {
  return (
    <Panel title={title}>
      <Facts
        rows={[
          [t("fact.digest"), <code class="whole">{artifact.digest}</code>],
          [t("fact.type"), artifact.type],
          [t("fact.size"), bytes(artifact.sizeBytes)],
          [t("fact.place"), `${artifact.claimName}: ${artifact.path}`],
          [t("fact.parameters"), artifact.parameters && count(artifact.parameters)],
          [t("fact.tokens"), artifact.tokens && count(artifact.tokens)],
          [t("fact.vocabulary"), artifact.vocabularySize],
          [t("fact.context"), artifact.contextLength],
        ]}
      />
      <h3>{t("madeFrom")}</h3>
      <ul class="parents">
        {artifact.parents.map((parent) => (
          <Parent key={`${parent.name} ${parent.digest}`} parent={parent} makers={makers} />
        ))}
      </ul>
    </Panel>
  );
}

function Parent({ parent, makers }: { parent: Artifact["parents"][number]; makers: Makers }) {
  const maker = makers.get(parent.digest);
  const identity = maker && identityOf(maker);
  return (
    <li>
      <span class="role">{parent.name}</span> <Digest digest={parent.digest} />{" "}
      {identity ? (
        <ObjectLink identity={identity} part="lineage" />
      ) : parent.reference ? (
        <em class="warn">{t("parent.gone", { reference: parent.reference })}</em>
      ) : (
        <span class="muted">{t("parent.brought")}</span>
      )}
    </li>
  );
}
