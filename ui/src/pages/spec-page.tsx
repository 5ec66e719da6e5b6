import { age } from "../../../operator/cli/terminal/units.ts";
import type { Events } from "../../../operator/ui-server/contract.ts";
import { now } from "../context.ts";
import { t } from "../language/language.ts";
import { apiPathOf, type Shown } from "../objects/objects.ts";
import { Panel } from "../parts/facts.tsx";
import { Answered, Empty } from "../parts/states.tsx";
import { Table } from "../parts/table.tsx";
import { useAnswer } from "../use-answer.ts";

/** What was declared, the conditions, and what has happened. */
export function SpecPage({ object, identity }: Shown) {
  const answer = useAnswer<Events>(`${apiPathOf(identity)}/events`, {
    version: object.metadata.resourceVersion,
  });
  return (
    <div class="panels">
      <Panel title={t("conditions")} wide>
        <Table
          caption={t("conditions")}
          rows={object.status?.conditions ?? []}
          rowKey={({ type }) => type}
          columns={[
            { title: t("column.type"), cell: ({ type }) => type },
            { title: t("column.status"), cell: ({ status }) => status },
            { title: t("column.reason"), cell: ({ reason }) => reason },
            {
              title: t("column.since"),
              numeric: true,
              cell: (one) => age(one.lastTransitionTime, now.value),
            },
            { title: t("column.message"), cell: ({ message }) => message },
          ]}
        />
      </Panel>
      <Panel title={t("events")} wide>
        <Answered answer={answer} none={t("events.none")}>
          {({ events }) =>
            events.length === 0 ? (
              <Empty>{t("events.none")}</Empty>
            ) : (
              <Table
                caption={t("events")}
                rows={events.toReversed()}
                rowKey={(_, index) => String(index)}
                columns={[
                  {
                    title: t("column.since"),
                    numeric: true,
                    cell: (one) => age(one.lastTimestamp, now.value),
                  },
                  { title: t("column.type"), cell: ({ type }) => type },
                  { title: t("column.reason"), cell: ({ reason }) => reason },
                  { title: t("column.count"), numeric: true, cell: ({ count }) => count },
                  { title: t("column.message"), cell: ({ message }) => message },
                ]}
              />
            )
          }
        </Answered>
      </Panel>
      <Panel title="spec" wide>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <pre class="code" tabIndex={0}>
          {JSON.stringify(object.spec, null, 2)}
        </pre>
      </Panel>
    </div>
  );
}
