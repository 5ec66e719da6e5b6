import { useState } from "preact/hooks";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown } from "../../objects/objects.ts";
import { Panel } from "../../parts/facts.tsx";
import { Select } from "../../parts/select.tsx";
import { Answered, Empty } from "../../parts/states.tsx";
import type { Answer } from "../../use-answer.ts";
import { useAnswer } from "../../use-answer.ts";
import { ClassifierPanel } from "./classifier-panel.tsx";
import { type CorpusReport, lengthRows } from "./documents.ts";
import { DuplicatesPanel } from "./duplicates-panel.tsx";
import { Histogram } from "./histogram.tsx";
import { SamplesPanel } from "./samples-panel.tsx";

/** Asked for again as each stage ends: the newest stage's report has what those before it knew. */
export function useCorpusReport({ object, identity }: Shown): Answer<CorpusReport> {
  const ended = object.status?.stages?.map(({ name, state }) => `${name} ${state}`).join();
  return useAnswer<CorpusReport>(`${apiPathOf(identity)}/corpus-report`, { version: ended });
}

/** What the stages have written down of the documents themselves. */
export function DocumentsPanels({ answer }: { answer: Answer<CorpusReport> }) {
  if (answer.state !== "ready")
    return (
      <Panel title={t("samples")} wide>
        <Answered answer={answer} none={t("samples.none")}>
          {() => null}
        </Answered>
      </Panel>
    );
  const report = answer.value;
  return (
    <>
      <LengthsPanel report={report} />
      {report.classifiers.map((classifier) => (
        <ClassifierPanel
          key={classifier.stage}
          classifier={classifier}
          // A document has one score: with several classifiers, that of the last.
          scores={classifier === report.classifiers.at(-1) ? report.scores : []}
        />
      ))}
      <SamplesPanel report={report} />
      {report.pairs !== undefined && <DuplicatesPanel report={report} />}
    </>
  );
}

function LengthsPanel({ report: { lengths } }: { report: CorpusReport }) {
  const [language, setLanguage] = useState("");
  const languages = [...new Set(lengths.map((row) => row.language))];
  return (
    <Panel
      title={t("lengths")}
      actions={
        <Select
          label={t("column.language")}
          value={language}
          options={languages}
          all={t("items.all")}
          onChange={setLanguage}
        />
      }
    >
      {lengths.length === 0 ? (
        <Empty>{t("samples.empty")}</Empty>
      ) : (
        <Histogram
          label={t("lengths")}
          rows={lengthRows(lengths, language === "" ? undefined : language)}
          kept={t("lengths.kept")}
          all={t("lengths.extracted")}
        />
      )}
    </Panel>
  );
}
