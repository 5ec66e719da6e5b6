import { Answers, metricsQuery, rowsQuery } from "../../ui-server/answers.ts";
import type { Files, Report, WatchedObject } from "../../ui-server/contract.ts";
import { asHttpError } from "../../ui-server/http-error.ts";
import type { View, ViewedObject } from "../../ui-server/view.ts";
import { version } from "../../version.ts";
import { type AnyObject, parseKind } from "../kinds.ts";
import { ancestorsOf, descendantsOf } from "../lineage/relatives.ts";

/**
 * A page about one object with its data inside: the answers that the page would ask for, under the requests
 * that it would send. What cannot be had is left out, and the page says so.
 */

/** What a mail carries; what comes after has no room. */
const mostBytes = 16 * 2 ** 20;
const points = 2000;
const rowsOfPage = 50;
const linesOfPage = 1000;
/** One figure is made of all of its rows. */
const rowsOfFile: Readonly<Record<string, number>> = { "losses.jsonl": 20_000 };

export async function collectReport(
  view: View,
  object: AnyObject,
  others: readonly AnyObject[],
  now: Date,
): Promise<Report> {
  const related = [...new Set([...ancestorsOf(object, others), ...descendantsOf(object, others)])];
  const collection = new Collection(view);
  await collection.take("/api/session", (answers) => answers.session(view));
  for (const one of [object, ...related]) await collection.takeFigures(one as ViewedObject);
  await collection.takeLogs(object as ViewedObject);
  if (object.kind === "Corpus") await collection.takeCorpusReport(object as ViewedObject);
  await collection.takeFiles(object as ViewedObject);
  return {
    version,
    made: now.toISOString(),
    object: object as WatchedObject,
    related: related as WatchedObject[],
    data: collection.data,
  };
}

class Collection {
  readonly data: Report["data"] = {};
  readonly #answers = new Answers();
  readonly #view: View;
  #bytes = 0;

  constructor(view: View) {
    this.#view = view;
  }

  /** Undefined where the answer is an error, or has no room. */
  async take<T>(path: string, ask: (answers: Answers) => Promise<T>): Promise<T | undefined> {
    if (this.#bytes >= mostBytes) return undefined;
    try {
      const answer = await ask(this.#answers);
      const { length } = JSON.stringify(answer);
      if (this.#bytes + length > mostBytes) return undefined;
      this.#bytes += length;
      this.data[`GET ${path}`] = answer;
      return answer;
    } catch (error) {
      if (asHttpError(error) === undefined) throw error;
      return undefined;
    }
  }

  async takeFigures(object: ViewedObject): Promise<void> {
    const place = placeOf(object);
    await this.take(`${place}/events`, (answers) => answers.events(this.#view, object));
    await this.take(`${place}/plan`, () => this.#view.plan(object));
    const first = await this.take(`${place}/metrics`, (answers) => this.#metrics(answers, object));
    for (const stage of first?.stages ?? [])
      await this.take(`${place}/metrics?${new URLSearchParams({ stage })}`, (answers) =>
        this.#metrics(answers, object, stage),
      );
  }

  /** The newest lines of each attempt, the newest attempt first. */
  async takeLogs(object: ViewedObject): Promise<void> {
    for (const { stage, number } of (object.status?.attempts ?? []).toReversed()) {
      const query = new URLSearchParams({ attempt: String(number), stage, tail: String(linesOfPage) });
      await this.take(`${placeOf(object)}/logs?${query}`, async () => {
        const choice = { stage, attempt: number, tailLines: linesOfPage };
        return (await Array.fromAsync(this.#view.logs(object, choice))).join("");
      });
    }
  }

  async takeCorpusReport(object: ViewedObject): Promise<void> {
    await this.take(`${placeOf(object)}/corpus-report`, (answers) =>
      answers.corpusReport(this.#view, object),
    );
  }

  async takeFiles(object: ViewedObject): Promise<void> {
    const place = `${placeOf(object)}/files`;
    const list = await this.take(place, (answers) => answers.files(this.#view, object));
    // Reports and pictures come before rows, which there may be many of.
    const inOrder = (list?.files ?? []).toSorted((one, other) => rank(one) - rank(other));
    for (const { path, mediaType } of inOrder) {
      const address = `${place}/${path.split("/").map(encodeURIComponent).join("/")}`;
      if (mediaType === "application/json")
        await this.take(address, async (answers) => {
          const { content } = await answers.file(this.#view, object, path);
          return JSON.parse(content.toString("utf8")) as unknown;
        });
      if (mediaType === "image/png")
        await this.take(address, async (answers) => {
          const { content } = await answers.file(this.#view, object, path);
          return `data:${mediaType};base64,${content.toString("base64")}`;
        });
      if (mediaType !== "application/jsonl") continue;
      const limit = rowsOfFile[path.split("/").at(-1) ?? ""] ?? rowsOfPage;
      const query = new URLSearchParams({ limit: String(limit), offset: "0" });
      await this.take(`${address}?${query}`, (answers) =>
        answers.rows(this.#view, object, path, rowsQuery(query)),
      );
    }
  }

  async #metrics(answers: Answers, object: ViewedObject, stage?: string) {
    const query = metricsQuery(new URLSearchParams({ points: String(points) }));
    const { available } = await answers.metrics(this.#view, object, { ...query, stage });
    const series = available.map(({ name }) => name);
    return answers.metrics(this.#view, object, { ...query, stage, series });
  }
}

const rank = ({ mediaType }: Files["files"][number]) => (mediaType === "application/jsonl" ? 1 : 0);

const placeOf = ({ kind, metadata: { namespace, name } }: ViewedObject) =>
  `/api/objects/${parseKind(kind).resource.plural}/${namespace}/${name}`;

/** The page with the report in its place. No text of the report can end the element that it is in. */
export function fillIn(page: string, report: Report): string {
  const place = '<script type="application/json" id="tanren-report">';
  const [before, after, ...more] = page.split(place);
  if (before === undefined || after === undefined || more.length > 0)
    throw new Error("report.html has not the one place for its data that it should have");
  return `${before}${place}${JSON.stringify(report).replaceAll("<", "\\u003c")}${after}`;
}
