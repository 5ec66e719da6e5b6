import { useState } from "preact/hooks";
import { count, figure } from "../../../../operator/cli/terminal/units.ts";
import type { Rows } from "../../../../operator/ui-server/contract.ts";
import { query } from "../../client/client.ts";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown } from "../../objects/objects.ts";
import { Digest, Facts, Panel } from "../../parts/facts.tsx";
import { Pages, pageRows } from "../../parts/pages.tsx";
import { Answered, Empty } from "../../parts/states.tsx";
import { Table } from "../../parts/table.tsx";
import { useAnswer } from "../../use-answer.ts";
import type { CorpusReport } from "./documents.ts";

/** A line of removed-tokens.jsonl. */
interface RemovedToken {
  token: string;
  rule: string;
}

/** The tokenizer's figures, and which tokens were taken out of it by which rule. */
export function TokenizerPanel({
  object,
  identity,
  paths,
  report,
}: Shown & { paths: readonly string[]; report: CorpusReport | undefined }) {
  const { artifact, stages = [] } = object.status ?? {};
  const [offset, setOffset] = useState(0);
  const path = paths.find((one) => one.endsWith("removed-tokens.jsonl"));
  const removed = useAnswer<Rows>(
    path && `${apiPathOf(identity)}/files/${path}${query({ limit: pageRows, offset })}`,
  );
  const metrics = stages.find(({ name }) => name === "tokenize")?.metrics ?? [];
  if (artifact?.vocabularySize === undefined && metrics.length === 0 && path === undefined)
    return (
      <Panel title={t("tokenizer")}>
        <Empty>{t("tokenizer.none")}</Empty>
      </Panel>
    );
  return (
    <Panel title={t("tokenizer")}>
      <Facts
        rows={[
          [t("fact.vocabulary"), artifact?.vocabularySize],
          [t("fact.tokens"), artifact?.tokens && count(artifact.tokens)],
          [t("fact.digest"), artifact?.tokenizerDigest && <Digest digest={artifact.tokenizerDigest} />],
          ...metrics.map(({ name, value }) => [name, figure(value)] as const),
        ]}
      />
      {report?.tokenizer && (
        <Table
          caption={t("tokenizer")}
          rows={report.tokenizer.languages}
          rowKey={({ language }) => language}
          columns={[
            { title: t("column.language"), cell: ({ language }) => language },
            {
              title: t("column.charactersPerToken"),
              numeric: true,
              cell: ({ characters_per_token }) => characters_per_token.toFixed(2),
            },
            { title: t("fact.tokens"), numeric: true, cell: ({ tokens }) => count(tokens) },
            {
              title: t("column.availableTokens"),
              numeric: true,
              cell: ({ available_tokens }) => count(available_tokens),
            },
            {
              title: t("column.heldOutTokens"),
              numeric: true,
              cell: ({ held_out_tokens }) => count(held_out_tokens),
            },
          ]}
        />
      )}
      {path !== undefined && (
        <Answered answer={removed} none={t("removed.none")}>
          {({ rows, total, next }) =>
            total === 0 ? (
              <Empty>{t("removed.none")}</Empty>
            ) : (
              <>
                <h3>{t("removed")}</h3>
                <Table
                  caption={t("removed")}
                  rows={rows as RemovedToken[]}
                  rowKey={(_, index) => String(offset + index)}
                  columns={[
                    { title: t("column.token"), cell: ({ token }) => <code>{token}</code> },
                    { title: t("column.rule"), cell: ({ rule }) => rule },
                  ]}
                />
                <Pages offset={offset} total={total} next={next} onOffset={setOffset} />
              </>
            )
          }
        </Answered>
      )}
    </Panel>
  );
}
