import { useMemo, useState } from "preact/hooks";
import { query } from "../../client/client.ts";
import { t } from "../../language/language.ts";
import { apiPathOf, type Shown } from "../../objects/objects.ts";
import { Answered, Empty } from "../../parts/states.tsx";
import { useAnswer } from "../../use-answer.ts";

/** The newest lines of an attempt, and those that contain what is searched for. */
export function LogsPage({ object, identity }: Shown) {
  const attempts = (object.status?.attempts ?? []).toReversed();
  const [chosen, setChosen] = useState<string | undefined>(undefined);
  const [search, setSearch] = useState("");
  const [asked, setAsked] = useState(0);
  const attempt = attempts.find(({ jobName }) => jobName === chosen) ?? attempts[0];
  const path =
    attempt &&
    `${apiPathOf(identity)}/logs${query({ stage: attempt.stage, attempt: attempt.number, tail: 1000 })}`;
  const answer = useAnswer<string>(path, {
    as: "text",
    version: `${asked} ${attempt?.endTime ?? object.status?.progress?.updateTime ?? ""}`,
  });
  if (attempt === undefined) return <Empty>{t("attempts.none")}</Empty>;
  return (
    <>
      <search class="tools">
        <label>
          {t("attempt")}{" "}
          <select value={attempt.jobName} onChange={(event) => setChosen(event.currentTarget.value)}>
            {attempts.map(({ jobName, stage, number }) => (
              <option key={jobName} value={jobName}>
                {stage} #{number}
              </option>
            ))}
          </select>
        </label>
        <label class="grow">
          <span class="visually-hidden">{t("search")}</span>
          <input
            type="search"
            placeholder={t("search")}
            value={search}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </label>
        <button type="button" onClick={() => setAsked((before) => before + 1)}>
          {t("again")}
        </button>
      </search>
      <Answered answer={answer} none={t("logs.none")}>
        {(text) => <Lines text={text} search={search} />}
      </Answered>
    </>
  );
}

function Lines({ text, search }: { text: string; search: string }) {
  const lines = useMemo(() => text.split("\n").filter((line) => line !== ""), [text]);
  const wanted = search.toLowerCase();
  const found = useMemo(
    () =>
      lines.flatMap((line, index) =>
        wanted === "" || line.toLowerCase().includes(wanted) ? [{ line, number: index + 1 }] : [],
      ),
    [lines, wanted],
  );
  if (lines.length === 0) return <Empty>{t("logs.none")}</Empty>;
  return (
    <>
      <p class="muted" role="status">
        {wanted === ""
          ? t("logs.lines", { lines: lines.length })
          : t("logs.found", { found: found.length, lines: lines.length })}
      </p>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <section class="log" tabIndex={0} aria-label={t("part.logs")}>
        {found.map(({ line, number }) => (
          <div key={number} class="log-line">
            <span class="log-number">{number}</span>
            <span>
              <Marked line={line} wanted={wanted} />
            </span>
          </div>
        ))}
      </section>
    </>
  );
}

function Marked({ line, wanted }: { line: string; wanted: string }) {
  const at = wanted === "" ? -1 : line.toLowerCase().indexOf(wanted);
  if (at < 0) return <>{line}</>;
  return (
    <>
      {line.slice(0, at)}
      <mark>{line.slice(at, at + wanted.length)}</mark>
      {line.slice(at + wanted.length)}
    </>
  );
}
