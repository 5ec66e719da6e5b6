import { useEffect } from "preact/hooks";
import type { Files } from "../../../../operator/ui-server/contract.ts";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown } from "../../objects/objects.ts";
import { Panel } from "../../parts/facts.tsx";
import { Answered } from "../../parts/states.tsx";
import { useAnswer } from "../../use-answer.ts";

/** The pictures that programs have drawn, as they stand in the artifacts. */
export function Pictures({ object, identity }: Shown) {
  const version = object.status?.completionTime ?? "";
  const base = `${apiPathOf(identity)}/files`;
  const files = useAnswer<Files>(base, { version });
  const pictures =
    files.state === "ready" ? files.value.files.filter(({ mediaType }) => mediaType === "image/png") : [];
  if (pictures.length === 0) return null;
  return (
    <Panel title={t("pictures")} wide>
      <div class="pictures">
        {pictures.map(({ path }) => (
          <Picture key={path} address={`${base}/${path}`} path={path} version={version} />
        ))}
      </div>
    </Panel>
  );
}

function Picture({ address, path, version }: { address: string; path: string; version: string }) {
  const answer = useAnswer<string>(address, { as: "picture", version });
  const shown = answer.state === "ready" ? answer.value : undefined;
  useEffect(() => () => URL.revokeObjectURL(shown ?? ""), [shown]);
  return (
    <figure>
      <Answered answer={answer} none={t("pictures.none")}>
        {(source) => <img src={source} alt={path} />}
      </Answered>
      <figcaption>
        <code>{path}</code>
      </figcaption>
    </figure>
  );
}
