import { useMemo, useState } from "preact/hooks";
import { session, usePage } from "../../context.ts";
import { t } from "../../language/language.ts";
import { type Chain, chainsOf } from "../../objects/chains.ts";
import { matches } from "../../objects/filter.ts";
import type { AnyObject } from "../../objects/objects.ts";
import { phaseOf } from "../../objects/phase.ts";
import { PhaseMark } from "../../parts/badge.tsx";
import { FilterInput } from "../../parts/filter-input.tsx";
import { More } from "../../parts/more.tsx";
import { ObjectTable } from "../../parts/object-table.tsx";
import { Select } from "../../parts/select.tsx";
import { Empty, Loading } from "../../parts/states.tsx";
import { route, setQuery } from "../../router.ts";
import { useWidth } from "../../use-width.ts";
import { ChainGraph } from "./chain-graph.tsx";

/** Everything from sources to endpoints: the chains, what needs somebody first. */
export function ChainPage() {
  const { store } = usePage();
  const { query } = route.value;
  const namespace = query.get("namespace") ?? "";
  const filter = query.get("filter") ?? "";
  const asTable = query.get("view") === "table";
  const objects = store.objects.value;
  const all = useMemo(() => [...objects.values()], [objects]);
  const here = useMemo(
    () => (namespace === "" ? all : all.filter((object) => object.metadata.namespace === namespace)),
    [all, namespace],
  );
  const chains = useMemo(() => chainsOf(here), [here]);
  // A chain is shown whole when one of its objects is meant.
  const shown = useMemo(
    () =>
      filter === ""
        ? chains
        : chains.filter(({ nodes }) => nodes.some(({ object }) => object && matches(object, filter))),
    [chains, filter],
  );
  const found = useMemo(
    () => (asTable ? (filter === "" ? here : here.filter((object) => matches(object, filter))) : []),
    [asTable, here, filter],
  );

  return (
    <>
      <div class="page-head">
        <h1>{t("page.chain")}</h1>
        <Summary objects={here} />
      </div>
      <ChainTools all={all} namespace={namespace} filter={filter} asTable={asTable} />
      {all.length === 0 ? (
        store.synced.value ? (
          <Empty>{t("chain.empty")}</Empty>
        ) : (
          store.connection.value.state !== "offline" && <Loading />
        )
      ) : asTable ? (
        <ObjectTable objects={found} caption={t("page.chain")} />
      ) : shown.length === 0 ? (
        <Empty>{t("filter.none")}</Empty>
      ) : (
        <Chains chains={shown} />
      )}
    </>
  );
}

function Chains({ chains }: { chains: readonly Chain[] }) {
  const [limit, setLimit] = useState(12);
  const [place, width] = useWidth<HTMLDivElement>();
  return (
    <div ref={place}>
      {width !== undefined &&
        chains.slice(0, limit).map((chain) => <ChainGraph key={chain.key} chain={chain} width={width} />)}
      {chains.length > limit && (
        <More left={chains.length - limit} onMore={() => setLimit((before) => before + 12)} />
      )}
    </div>
  );
}

function Summary({ objects }: { objects: readonly AnyObject[] }) {
  const byPhase = useMemo(() => Map.groupBy(objects, phaseOf), [objects]);
  return (
    <ul class="summary">
      {(["failed", "blocked", "waiting", "suspended", "running", "done"] as const).map((phase) => {
        const some = byPhase.get(phase)?.length ?? 0;
        return some === 0 ? null : (
          <li key={phase}>
            <PhaseMark phase={phase} /> {some} {t(`phase.${phase}`)}
          </li>
        );
      })}
    </ul>
  );
}

function ChainTools(shown: {
  all: readonly AnyObject[];
  namespace: string;
  filter: string;
  asTable: boolean;
}) {
  const { all, namespace, filter, asTable } = shown;
  const namespaces = useMemo(
    () =>
      [
        ...new Set([...all.map((object) => object.metadata.namespace), ...(session.value?.namespaces ?? [])]),
      ].toSorted(),
    [all],
  );
  return (
    <search class="tools">
      <Select
        label={t("namespace")}
        value={namespace}
        options={namespaces}
        all={t("all")}
        onChange={(chosen) => setQuery({ namespace: chosen || undefined })}
      />
      <FilterInput filter={filter} />
      <button
        type="button"
        aria-pressed={asTable}
        onClick={() => setQuery({ view: asTable ? undefined : "table" })}
      >
        {t("view.table")}
      </button>
    </search>
  );
}
