import { useMemo, useState } from "preact/hooks";
import { figure } from "../../../../operator/cli/terminal/units.ts";
import { t } from "../../language/language.ts";
import { Facts, Panel } from "../../parts/facts.tsx";
import { Select } from "../../parts/select.tsx";
import { Empty } from "../../parts/states.tsx";
import { type CorpusReport, type Sample, sampleGroups } from "./documents.ts";

/** Documents to read: of those that stayed, and of those that each rule dropped. */
export function SamplesPanel({ report }: { report: CorpusReport }) {
  const groups = useMemo(() => sampleGroups(report.samples), [report]);
  const [key, setKey] = useState("\n");
  const [language, setLanguage] = useState("");
  const chosen = groups.find((group) => group.key === key) ?? groups[0];
  const languages = [...new Set(chosen?.samples.map((sample) => sample.language))];
  const shown = chosen?.samples.filter(
    (sample) => !languages.includes(language) || sample.language === language,
  );
  return (
    <Panel title={t("samples")} wide>
      {chosen === undefined || shown === undefined ? (
        <Empty>{t("samples.empty")}</Empty>
      ) : (
        <>
          <div class="sample-choice">
            <label>
              {t("samples.of")}{" "}
              <select value={chosen.key} onChange={({ currentTarget }) => setKey(currentTarget.value)}>
                {groups.map((group) => (
                  <option key={group.key} value={group.key}>
                    {group.reason === "" ? t("samples.kept") : `${group.step}: ${group.reason}`}
                  </option>
                ))}
              </select>
            </label>
            <Select
              label={t("column.language")}
              value={languages.includes(language) ? language : ""}
              options={languages}
              all={t("items.all")}
              onChange={setLanguage}
            />
          </div>
          <ul class="documents">
            {shown.map((sample) => (
              <Document key={`${sample.language} ${sample.id}`} sample={sample} />
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Document({ sample }: { sample: Sample }) {
  const { id, url, language, source, score, characters, text } = sample;
  return (
    <li class="document">
      <h3>{id}</h3>
      <Facts
        rows={[
          [t("column.language"), language],
          [t("fact.source"), source],
          [t("fact.characters"), characters],
          [t("column.score"), score === undefined ? undefined : figure(score)],
          [t("fact.url"), url],
        ]}
      />
      <DocumentText label={id}>{text === "" ? t("samples.noText") : text}</DocumentText>
    </li>
  );
}

function DocumentText({ label, children }: { label: string; children: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="document-text" tabIndex={0} aria-label={label}>
      {children}
    </section>
  );
}
