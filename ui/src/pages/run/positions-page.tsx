import { useMemo, useState } from "preact/hooks";
import type { Files, Rows } from "../../../../operator/ui-server/contract.ts";
import { query } from "../../client/client.ts";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown } from "../../objects/objects.ts";
import { Panel } from "../../parts/facts.tsx";
import { Plot } from "../../parts/plot.tsx";
import { Answered, Empty } from "../../parts/states.tsx";
import { useAnswer } from "../../use-answer.ts";
import {
  type DocumentLoss,
  linesOfDocuments,
  linesOfStatus,
  type MeasurementReport,
  type PassKey,
} from "./positions.ts";

/** What an extension did: loss by token position before and after, and whether a hidden key is found. */
export function PositionsPage({ object, identity }: Shown) {
  const [logX, setLogX] = useState(true);
  const version = object.status?.completionTime ?? "";
  const base = apiPathOf(identity);
  const files = useAnswer<Files>(`${base}/files`, { version });
  const paths = files.state === "ready" ? files.value.files.map(({ path }) => path) : [];
  const pathTo = (name: string) => paths.find((path) => path.endsWith(`/${name}`));
  const lossesPath = pathTo("losses.jsonl");
  const reportPath = pathTo("report.json");
  const losses = useAnswer<Rows>(
    lossesPath && `${base}/files/${lossesPath}${query({ limit: 20_000, offset: 0 })}`,
    { version },
  );
  const report = useAnswer<MeasurementReport>(reportPath && `${base}/files/${reportPath}`, { version });
  const ofStatus = object.status?.positionLosses ?? [];
  const measured = losses.state === "ready" ? losses.value.rows : undefined;
  const lines = useMemo(
    () =>
      (measured === undefined ? linesOfStatus(ofStatus) : linesOfDocuments(measured as DocumentLoss[])).map(
        (line, color) => ({ ...line, color, points: true, bars: true, dashed: line.label === "base" }),
      ),
    [measured, ofStatus],
  );
  const isReading = [files, lossesPath && losses, reportPath && report].some(
    (one) => typeof one === "object" && one.state === "loading",
  );
  return (
    <div class="panels" aria-busy={isReading}>
      <Panel
        title={t("positions")}
        wide
        actions={
          <label>
            <input
              type="checkbox"
              checked={logX}
              onChange={(event) => setLogX(event.currentTarget.checked)}
            />{" "}
            {t("logX")}
          </label>
        }
      >
        {lines.length === 0 ? (
          <Empty>{t("positions.none")}</Empty>
        ) : (
          <>
            <Plot
              title={t("positions.title")}
              xLabel={t("position")}
              lines={lines}
              logX={logX}
              wholeX
              height={360}
              formatX={(value) => String(Math.round(value))}
            />
            <p class="muted">
              {measured === undefined ? t("positions.noBars") : t("positions.bars")}
              {report.state === "ready" &&
                ` ${t("positions.windows", {
                  old: report.value.original_context_length,
                  new: report.value.context_length,
                  documents: report.value.documents,
                })}`}
            </p>
          </>
        )}
      </Panel>
      <Panel title={t("passkey")} wide>
        {reportPath === undefined ? (
          <Empty>{t("passkey.none")}</Empty>
        ) : (
          <Answered answer={report} none={t("passkey.none")}>
            {({ passkey }) => <PassKeys passkey={passkey} />}
          </Answered>
        )}
      </Panel>
    </div>
  );
}

function PassKeys({ passkey }: { passkey: Record<string, PassKey> }) {
  const models = Object.entries(passkey).filter(([, { places = [] }]) => places.length > 0);
  if (models.length === 0) return <Empty>{t("passkey.none")}</Empty>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="grids" tabIndex={0} aria-label={t("passkey")}>
      {models.map(([label, one]) => (
        <PassKeyGrid key={label} label={label} places={one.places ?? []} accuracy={one.accuracy} />
      ))}
    </section>
  );
}

/** Depth down, length across: how often the key was found. */
function PassKeyGrid({
  label,
  places,
  accuracy,
}: {
  label: string;
  places: NonNullable<PassKey["places"]>;
  accuracy: number | undefined;
}) {
  const lengths = [...new Set(places.map(({ length }) => length))].toSorted((a, b) => a - b);
  const depths = [...new Set(places.map(({ depth }) => depth))].toSorted((a, b) => a - b);
  const found = new Map(places.map((place) => [`${place.length} ${place.depth}`, place]));
  return (
    <table class="passkey">
      <caption>
        {label} {accuracy !== undefined && `${(100 * accuracy).toFixed(1)} %`}
      </caption>
      <thead>
        <tr>
          <th scope="col">{t("passkey.axes")}</th>
          {lengths.map((length) => (
            <th key={length} scope="col" class="numeric">
              {length}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {depths.map((depth) => (
          <tr key={depth}>
            <th scope="row" class="numeric">
              {Math.round(100 * depth)} %
            </th>
            {lengths.map((length) => {
              const place = found.get(`${length} ${depth}`);
              return (
                <td key={length} class={place ? `heat-${Math.round((10 * place.found) / place.of)}` : ""}>
                  {place ? `${place.found}/${place.of}` : ""}
                </td>
              );
            })}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
