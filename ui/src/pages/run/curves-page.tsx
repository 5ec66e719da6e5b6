import { useCallback, useMemo, useState } from "preact/hooks";
import { usePage } from "../../context.ts";
import { t } from "../../language/language.ts";
import {
  type AnyObject,
  type Identity,
  identityOf,
  keyOf,
  keyOfObject,
  kinds,
  type Shown,
} from "../../objects/objects.ts";
import { Select } from "../../parts/select.tsx";
import { Empty, Failed, Loading } from "../../parts/states.tsx";
import { route, setQuery } from "../../router.ts";
import { CurveGrid } from "./curve-grid.tsx";
import { type Axis, type Curves, type CurveView, useCurves } from "./use-curves.ts";

/** Curves of a run beside those of any number of others. */

const axes: readonly Axis[] = ["step", "tokens", "time"];

export function CurvesPage({ object, identity }: Shown) {
  const { store } = usePage();
  const objects = store.objects.value;
  const [view, setView] = useState<CurveView>({ x: "step", smoothing: 0.6, logX: false, logY: false });
  const [range, setRange] = useState<readonly [number, number] | undefined>(undefined);
  const compared = useMemo(
    () => (route.value.query.get("with") ?? "").split(",").filter(Boolean),
    [route.value],
  );
  const runs = useMemo(
    () =>
      [keyOf(identity), ...compared].flatMap((key) => {
        const one = objects.get(key);
        return one === undefined ? [] : [one];
      }),
    [objects, identity, compared],
  );
  const stages = trainingStages(object);
  const chosen = route.value.query.get("stage");
  const stage = stages.find((one) => one === chosen) ?? stages.find((one) => one === "train") ?? stages[0];
  const curves = useCurves(runs, stage, view.x, range);
  const others = useMemo(
    () => [...objects.values()].filter((one) => isRun(one) && keyOfObject(one) !== keyOf(identity)),
    [objects, identity],
  );
  const onZoom = useCallback((picked: readonly [number, number] | undefined) => setRange(picked), []);
  if (stage === undefined) return <Empty>{t("curves.none")}</Empty>;
  return (
    <>
      <CurveTools
        view={view}
        onView={(changed) => {
          if (changed.x !== view.x) setRange(undefined);
          setView(changed);
        }}
        stages={stages}
        stage={stage}
        laid={axesOf(curves)}
        zoomed={range !== undefined}
        onWhole={() => setRange(undefined)}
      />
      <Comparison others={others} compared={compared} />
      <Drawn curves={curves} view={view} onZoom={onZoom} />
    </>
  );
}

function Drawn({
  curves,
  view,
  onZoom,
}: {
  curves: readonly Curves[];
  view: CurveView;
  onZoom: (range: readonly [number, number] | undefined) => void;
}) {
  const failed = curves.filter(({ answer }) => answer.state === "failed");
  const ready = curves.some(({ answer }) => answer.state === "ready" && answer.value.available.length > 0);
  const loading = curves.some(({ answer }) => answer.state === "loading");
  return (
    <>
      {failed.map(({ name, answer }) =>
        answer.state !== "failed" ? null : answer.status === 404 ? (
          <Empty key={name}>
            {name}: {t("curves.none")}
          </Empty>
        ) : (
          <Failed key={name} status={answer.status} message={`${name}: ${answer.message}`} />
        ),
      )}
      {ready ? (
        <CurveGrid curves={curves} view={view} onZoom={onZoom} />
      ) : loading ? (
        <Loading />
      ) : (
        failed.length === 0 && <Empty>{t("curves.none")}</Empty>
      )}
    </>
  );
}

function CurveTools(shown: {
  view: CurveView;
  onView: (view: CurveView) => void;
  stages: readonly string[];
  stage: string;
  /** Axes that the rows of all runs can be laid over. */
  laid: readonly Axis[];
  zoomed: boolean;
  onWhole: () => void;
}) {
  const { view, onView, stages, stage } = shown;
  return (
    <div class="tools">
      {stages.length > 1 && (
        <Select
          label={t("column.stage")}
          value={stage}
          options={stages}
          onChange={(chosen) => setQuery({ stage: chosen })}
        />
      )}
      <fieldset class="choice">
        <legend>{t("axis")}</legend>
        {axes.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="axis"
              checked={view.x === one}
              disabled={!shown.laid.includes(one)}
              onChange={() => onView({ ...view, x: one })}
            />
            {t(`axis.${one}`)}
          </label>
        ))}
      </fieldset>
      <label>
        {t("smoothing")}{" "}
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value={view.smoothing}
          onInput={(event) => onView({ ...view, smoothing: Number(event.currentTarget.value) })}
        />{" "}
        <output>{view.smoothing.toFixed(2)}</output>
      </label>
      <label>
        <input
          type="checkbox"
          checked={view.logX}
          onChange={(event) => onView({ ...view, logX: event.currentTarget.checked })}
        />{" "}
        {t("logX")}
      </label>
      <label>
        <input
          type="checkbox"
          checked={view.logY}
          onChange={(event) => onView({ ...view, logY: event.currentTarget.checked })}
        />{" "}
        {t("logY")}
      </label>
      {shown.zoomed && (
        <button type="button" onClick={shown.onWhole}>
          {t("zoom.whole")}
        </button>
      )}
    </div>
  );
}

/** Other runs are added one by one; each can be taken away again. */
function Comparison({ others, compared }: { others: readonly AnyObject[]; compared: readonly string[] }) {
  const open = others.filter((one) => !compared.includes(keyOfObject(one)));
  const write = (keys: readonly string[]) => setQuery({ with: keys.join(",") || undefined });
  return (
    <div class="tools">
      <label>
        {t("compare")}{" "}
        <select
          value=""
          disabled={open.length === 0}
          onChange={(event) => write([...compared, event.currentTarget.value])}
        >
          <option value="">{open.length === 0 ? t("compare.none") : t("compare.choose")}</option>
          {open.slice(0, 500).map((one) => (
            <option key={keyOfObject(one)} value={keyOfObject(one)}>
              {labelOf(identityOf(one))}
            </option>
          ))}
        </select>
      </label>
      {compared.map((key) => (
        <button
          key={key}
          type="button"
          class="chip"
          onClick={() => write(compared.filter((one) => one !== key))}
          aria-label={t("compare.remove", { name: key })}
        >
          {key} ✕
        </button>
      ))}
    </div>
  );
}

const axesOf = (curves: readonly Curves[]) =>
  axes.filter((axis) =>
    curves.every(({ answer }) => answer.state !== "ready" || answer.value.axes.includes(axis)),
  );

const labelOf = (identity: Identity | undefined) =>
  identity === undefined ? "" : `${identity.namespace} / ${identity.kind} ${identity.name}`;

const isRun = (object: AnyObject) => {
  const identity = identityOf(object);
  return identity !== undefined && kinds[identity.kind].page === "run";
};

/** Stages that may have curves: those that have begun. */
const trainingStages = (object: AnyObject): string[] =>
  (object.status?.stages ?? []).filter(({ startTime }) => startTime !== undefined).map(({ name }) => name);
