import { useMemo } from "preact/hooks";
import { usePage } from "../context.ts";
import { t } from "../language/language.ts";
import { matches } from "../objects/filter.ts";
import type { Kind } from "../objects/objects.ts";
import { FilterInput } from "../parts/filter-input.tsx";
import { ObjectTable } from "../parts/object-table.tsx";
import { Empty, Loading } from "../parts/states.tsx";
import { isList, type List, route } from "../router.ts";

const kindsOf: Record<List, readonly Kind[]> = {
  corpora: ["Corpus"],
  runs: ["PretrainRun", "ContextExtension", "AlignmentRun"],
  evaluations: ["Evaluation"],
  endpoints: ["InferenceDeployment"],
};

/** All objects of one sort. */
export function ListPage({ list }: { list: string }) {
  const { store } = usePage();
  const filter = route.value.query.get("filter") ?? "";
  const objects = store.objects.value;
  const listed = useMemo(() => {
    const wanted: readonly string[] = isList(list) ? kindsOf[list] : [];
    return [...objects.values()].filter(({ kind }) => wanted.includes(kind));
  }, [objects, list]);
  const shown = useMemo(
    () => (filter === "" ? listed : listed.filter((object) => matches(object, filter))),
    [listed, filter],
  );
  if (!isList(list)) return <Empty>{t("unknownAddress")}</Empty>;
  return (
    <>
      <div class="page-head">
        <h1>{t(`page.${list}`)}</h1>
      </div>
      <search class="tools">
        <FilterInput filter={filter} />
      </search>
      {listed.length > 0 ? (
        <ObjectTable objects={shown} caption={t(`page.${list}`)} />
      ) : store.synced.value ? (
        <Empty>{t(`empty.${list}`)}</Empty>
      ) : (
        <Loading />
      )}
    </>
  );
}
