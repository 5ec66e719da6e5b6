import { t } from "../../language/language.ts";
import { Panel } from "../../parts/facts.tsx";
import { Empty } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { type CorpusReport, passagesOf } from "./documents.ts";

/** Near duplicates side by side, what only one of them has marked, and the largest clusters. */
export function DuplicatesPanel({ report: { pairs = [], clusters = [] } }: { report: CorpusReport }) {
  return (
    <Panel title={t("duplicates")} wide>
      {pairs.length === 0 && <Empty>{t("duplicates.none")}</Empty>}
      <ul class="documents">
        {pairs.map(({ similarity, kept, dropped }) => (
          <li key={dropped.id} class="document">
            <h3>{t("duplicates.similarity", { similarity: similarity.toFixed(3) })}</h3>
            <div class="pair">
              <Side title={t("samples.kept")} own={kept} other={dropped} />
              <Side title={t("duplicates.dropped")} own={dropped} other={kept} />
            </div>
          </li>
        ))}
      </ul>
      {clusters.length > 0 && (
        <>
          <h3>{t("clusters")}</h3>
          <Table
            caption={t("clusters")}
            rows={clusters}
            rowKey={({ kept }) => kept}
            columns={[
              { title: t("samples.kept"), cell: ({ kept }) => kept },
              { title: t("duplicates.dropped"), numeric: true, cell: ({ dropped }) => dropped },
              {
                title: t("clusters.least"),
                numeric: true,
                cell: ({ least_similarity }) => least_similarity.toFixed(3),
              },
            ]}
          />
        </>
      )}
    </Panel>
  );
}

type Text = NonNullable<CorpusReport["pairs"]>[number]["kept"];

function Side({ title, own, other }: { title: string; own: Text; other: Text }) {
  return (
    <div>
      <p class="muted">
        {title}: {own.id}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="document-text" tabIndex={0} aria-label={`${title}: ${own.id}`}>
        {passagesOf(own.text, other.text).map(({ text, own: isOwn }, index) =>
          isOwn ? <mark key={index}>{text}</mark> : text,
        )}
      </section>
    </div>
  );
}
