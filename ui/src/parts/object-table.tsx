import { useMemo, useState } from "preact/hooks";
import { age } from "../../../operator/cli/terminal/units.ts";
import { now } from "../context.ts";
import { t } from "../language/language.ts";
import { type AnyObject, identityOf, keyOfObject, rootCondition } from "../objects/objects.ts";
import { percentOf, phaseOf, urgency } from "../objects/phase.ts";
import { StateBadge } from "./badge.tsx";
import { More } from "./more.tsx";
import { ObjectLink } from "./object-link.tsx";
import { ProgressBar } from "./progress-bar.tsx";
import { Empty } from "./states.tsx";
import { Table } from "./table.tsx";

/** Objects in rows, what needs somebody first. */
export function ObjectTable({ objects, caption }: { objects: readonly AnyObject[]; caption: string }) {
  const [limit, setLimit] = useState(60);
  const sorted = useMemo(
    () =>
      objects.toSorted(
        (a, b) =>
          urgency[phaseOf(a)] - urgency[phaseOf(b)] ||
          b.metadata.creationTimestamp.localeCompare(a.metadata.creationTimestamp) ||
          (keyOfObject(a) < keyOfObject(b) ? -1 : 1),
      ),
    [objects],
  );
  if (sorted.length === 0) return <Empty>{t("filter.none")}</Empty>;
  return (
    <>
      <Table
        caption={caption}
        rows={sorted.slice(0, limit)}
        rowKey={keyOfObject}
        columns={[
          { title: t("column.name"), cell: nameCell },
          { title: t("namespace"), cell: (object) => object.metadata.namespace },
          { title: t("column.state"), cell: (object) => <StateBadge object={object} /> },
          { title: t("progress"), cell: progressCell },
          { title: t("column.left"), cell: (object) => object.status?.progress?.eta ?? "" },
          {
            title: t("column.age"),
            numeric: true,
            cell: (object) => age(object.metadata.creationTimestamp, now.value),
          },
          {
            title: t("column.message"),
            cell: (object) => <span class="message">{rootCondition(object)?.message ?? ""}</span>,
          },
        ]}
      />
      {sorted.length > limit && (
        <More left={sorted.length - limit} onMore={() => setLimit((before) => before + 60)} />
      )}
    </>
  );
}

function nameCell(object: AnyObject) {
  const identity = identityOf(object);
  return identity ? <ObjectLink identity={identity} /> : object.metadata.name;
}

function progressCell(object: AnyObject) {
  const percent = percentOf(object);
  return percent === undefined || phaseOf(object) === "done" ? "" : <ProgressBar percent={percent} />;
}
