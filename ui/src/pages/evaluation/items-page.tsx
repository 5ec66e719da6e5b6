import { useState } from "preact/hooks";
import type { Files, Rows } from "../../../../operator/ui-server/contract.ts";
import { query } from "../../client/client.ts";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown } from "../../objects/objects.ts";
import { Pages, pageRows } from "../../parts/pages.tsx";
import { Answered, Empty } from "../../parts/states.tsx";
import { useAnswer } from "../../use-answer.ts";

/** A line of results.jsonl: a generated answer, or a choice (evaluation of the kernels). */
interface Item {
  suite: string;
  id: string;
  answer?: string;
  references?: string[];
  exact_match?: boolean;
  char_f1?: number;
  choice?: number;
  label?: number;
  correct?: boolean;
  log_likelihoods?: number[];
  prompt_cut?: boolean;
}

/** What the model answered, item by item. */
export function ItemsPage({ object, identity }: Shown) {
  const version = object.status?.completionTime ?? "";
  const base = apiPathOf(identity);
  const files = useAnswer<Files>(`${base}/files`, { version });
  const [offset, setOffset] = useState(0);
  const [shown, setShown] = useState<"all" | "right" | "wrong">("all");
  const path =
    files.state === "ready"
      ? files.value.files.find((one) => one.path.endsWith("results.jsonl"))?.path
      : undefined;
  const rows = useAnswer<Rows>(path && `${base}/files/${path}${query({ limit: pageRows, offset })}`, {
    version,
  });
  return (
    <>
      <div class="tools">
        <fieldset class="choice">
          <legend>{t("items.show")}</legend>
          {(["all", "right", "wrong"] as const).map((one) => (
            <label key={one}>
              <input type="radio" name="shown" checked={shown === one} onChange={() => setShown(one)} />
              {t(`items.${one}`)}
            </label>
          ))}
        </fieldset>
      </div>
      <Answered answer={files} none={t("items.none")}>
        {() =>
          path === undefined ? (
            <Empty>{t("items.none")}</Empty>
          ) : (
            <Answered answer={rows} none={t("items.none")}>
              {(told) => (
                <>
                  <ItemList
                    items={(told.rows as Item[]).filter(
                      (item) => shown === "all" || isRight(item) === (shown === "right"),
                    )}
                  />
                  <Pages offset={offset} total={told.total} next={told.next} onOffset={setOffset} />
                </>
              )}
            </Answered>
          )
        }
      </Answered>
    </>
  );
}

const isRight = ({ exact_match, correct }: Item): boolean => exact_match ?? correct ?? false;

function ItemList({ items }: { items: readonly Item[] }) {
  if (items.length === 0) return <Empty>{t("items.noneShown")}</Empty>;
  return (
    <ol class="items">
      {items.map((item) => (
        <li key={`${item.suite} ${item.id}`} class={isRight(item) ? "right" : "wrong"}>
          <h2>
            <span class={`mark ${isRight(item) ? "done" : "failed"}`} aria-hidden="true">
              {isRight(item) ? "✓" : "✕"}
            </span>{" "}
            {item.suite} {item.id}{" "}
            <span class="visually-hidden">{t(isRight(item) ? "items.right" : "items.wrong")}</span>
          </h2>
          {item.answer !== undefined && (
            <dl class="facts">
              <div>
                <dt>{t("items.answer")}</dt>
                <dd class="text">{item.answer}</dd>
              </div>
              <div>
                <dt>{t("items.references")}</dt>
                <dd class="text">{(item.references ?? []).join(" / ")}</dd>
              </div>
              {item.char_f1 !== undefined && (
                <div>
                  <dt>char_f1</dt>
                  <dd>{item.char_f1.toFixed(3)}</dd>
                </div>
              )}
            </dl>
          )}
          {item.log_likelihoods !== undefined && <Choices item={item} likelihoods={item.log_likelihoods} />}
          {item.prompt_cut && <p class="warn">{t("items.cut")}</p>}
        </li>
      ))}
    </ol>
  );
}

function Choices({ item, likelihoods }: { item: Item; likelihoods: readonly number[] }) {
  return (
    <ol class="choices" start={0}>
      {likelihoods.map((likelihood, choice) => (
        <li key={choice} class={choice === item.label ? "label" : ""}>
          {likelihood.toFixed(2)} {choice === item.choice && <strong>{t("items.chosen")}</strong>}{" "}
          {choice === item.label && <span>{t("items.label")}</span>}
        </li>
      ))}
    </ol>
  );
}
