import { useMemo, useState } from "preact/hooks";
import { bytes, count } from "../../../../operator/cli/terminal/units.ts";
import type { Files } from "../../../../operator/ui-server/contract.ts";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown } from "../../objects/objects.ts";
import { Bars } from "../../parts/bars.tsx";
import { Panel } from "../../parts/facts.tsx";
import { Empty } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { useAnswer } from "../../use-answer.ts";
import { Attempts, Stages } from "../run/run-page.tsx";
import { DocumentsPanels, useCorpusReport } from "./documents-panels.tsx";
import { flowOf, languagesOf, type Measure, shareKept } from "./funnel.ts";
import { FunnelFlow } from "./funnel-flow.tsx";
import { TokenizerPanel } from "./tokenizer-panel.tsx";

/** What became of the texts: how many stayed at each step, why others went, what the mixture holds. */
export function CorpusPage({ object, identity }: Shown) {
  const [measure, setMeasure] = useState<Measure>("documents");
  const rows = object.status?.funnel ?? [];
  const files = useAnswer<Files>(`${apiPathOf(identity)}/files`, { version: object.status?.completionTime });
  const report = useCorpusReport({ object, identity });
  const paths = files.state === "ready" ? files.value.files.map(({ path }) => path) : [];
  return (
    <div class="panels">
      <Panel title={t("funnel")} wide actions={<MeasureChoice measure={measure} onMeasure={setMeasure} />}>
        {rows.length === 0 ? <Empty>{t("funnel.none")}</Empty> : <Funnel rows={rows} measure={measure} />}
      </Panel>
      {rows.length > 0 && <Reasons rows={rows} />}
      {rows.length > 0 && <Languages rows={rows} />}
      <TokenizerPanel
        object={object}
        identity={identity}
        paths={paths}
        report={report.state === "ready" ? report.value : undefined}
      />
      <DocumentsPanels answer={report} />
      <Stages status={object.status ?? {}} />
      <Attempts status={object.status ?? {}} />
    </div>
  );
}

function MeasureChoice({ measure, onMeasure }: { measure: Measure; onMeasure: (measure: Measure) => void }) {
  return (
    <fieldset class="choice">
      <legend class="visually-hidden">{t("measure")}</legend>
      {(["documents", "bytes"] as const).map((one) => (
        <label key={one}>
          <input type="radio" name="measure" checked={measure === one} onChange={() => onMeasure(one)} />
          {t(`measure.${one}`)}
        </label>
      ))}
    </fieldset>
  );
}

type Rows = NonNullable<NonNullable<Shown["object"]["status"]>["funnel"]>;

function Funnel({ rows, measure }: { rows: Rows; measure: Measure }) {
  const [asTable, setAsTable] = useState(false);
  const steps = useMemo(() => flowOf(rows, measure), [rows, measure]);
  const languages = languagesOf(rows);
  return (
    <>
      {asTable ? (
        <Table
          caption={t("funnel")}
          rows={rows}
          rowKey={({ step, language }) => `${step} ${language}`}
          columns={[
            { title: t("column.step"), cell: ({ step }) => step },
            { title: t("column.language"), cell: ({ language }) => language },
            { title: t("column.in"), numeric: true, cell: ({ documentsIn }) => documentsIn },
            { title: t("column.out"), numeric: true, cell: ({ documentsOut }) => documentsOut },
            {
              title: t("column.kept"),
              numeric: true,
              cell: ({ documentsIn, documentsOut }) =>
                `${(100 * shareKept({ in: documentsIn, out: documentsOut })).toFixed(1)} %`,
            },
            { title: t("column.bytesOut"), numeric: true, cell: ({ bytesOut }) => bytes(bytesOut) },
            {
              title: t("column.dropped"),
              cell: ({ dropped }) =>
                Object.entries(dropped)
                  .toSorted(([, a], [, b]) => b - a)
                  .map(([reason, documents]) => `${reason} ${documents}`)
                  .join(", "),
            },
          ]}
        />
      ) : (
        <FunnelFlow steps={steps} languages={languages} measure={measure} />
      )}
      <button type="button" class="quiet" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
        {t("plot.table")}
      </button>
    </>
  );
}

function Reasons({ rows }: { rows: Rows }) {
  const dropped = useMemo(
    () =>
      flowOf(rows, "documents")
        .flatMap(({ step, dropped }) =>
          dropped.map(({ reason, documents }) => ({ name: `${step}: ${reason}`, value: documents })),
        )
        .toSorted((a, b) => b.value - a.value)
        .slice(0, 24),
    [rows],
  );
  return (
    <Panel title={t("reasons")}>
      {dropped.length === 0 ? (
        <Empty>{t("reasons.none")}</Empty>
      ) : (
        <Bars label={t("reasons")} rows={dropped} format={count} />
      )}
    </Panel>
  );
}

/** What is left of each language after the last step that tells of it. */
function Languages({ rows }: { rows: Rows }) {
  const last = new Map(rows.map((row) => [row.language, row]));
  return (
    <Panel title={t("languages")}>
      <Bars
        label={t("languages")}
        rows={[...last.values()].map(({ language, bytesOut }, color) => ({
          name: language,
          value: bytesOut,
          color,
        }))}
        format={bytes}
      />
      <p class="muted">{t("languages.about")}</p>
    </Panel>
  );
}
