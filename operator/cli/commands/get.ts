import { Command, Option } from "commander";
import { stringify } from "yaml";
import { group, type PrinterColumn } from "../../api/kinds.ts";
import { aborted } from "../../clock/sleep.ts";
import { keyOf } from "../../cluster/object-key.ts";
import type { ListFilter, WatchEvent } from "../../cluster/port.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, type Kind, kinds, parseKind, parseReference } from "../kinds.ts";
import { labelSelector, outputOption, withHelp } from "../options.ts";
import { findObject, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Connection, Target } from "../target/target.ts";
import { onInterruption } from "../terminal/interruption.ts";
import { readPath } from "../terminal/json-path.ts";
import { jsonText } from "../terminal/printable.ts";
import { type Cell, type Column, renderTable } from "../terminal/table.ts";
import { type Terminal, terminalOf } from "../terminal/terminal.ts";
import { age } from "../terminal/units.ts";

interface GetOptions {
  output?: "wide" | "name" | "json" | "yaml";
  allNamespaces?: boolean;
  namespace?: string;
  selector?: Record<string, string>;
  watch?: boolean;
}

export function getCommand(): Command {
  const command = new Command("get")
    .description("list objects: of all kinds, of one kind, or one object")
    .argument("[kind]", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of one object")
    .addOption(outputOption(["wide", "name", "json", "yaml"]))
    .option("-A, --all-namespaces", "objects of all namespaces")
    .addOption(
      new Option("-l, --selector <labels>", "objects with these labels: KEY=VALUE,...").argParser(
        labelSelector,
      ),
    )
    .option("-w, --watch", "print a line at every change, until Ctrl-C")
    .action(onTarget(get));
  return withHelp(command, [
    "tanren get",
    "tanren get pretrainruns -o wide",
    "tanren get ptr base -o yaml",
    "tanren get infd/chat -o json",
    "tanren get -l team=search --watch",
    "kubectl tanren get -A",
    "kubectl tanren get ptr -n team-a --context prod",
  ]);
}

interface Listing {
  kind: Kind;
  objects: AnyObject[];
}

async function get(target: Target, options: GetOptions, word?: string, name?: string): Promise<void> {
  const one =
    word !== undefined && (name !== undefined || word.includes("/")) ? parseReference(word, name) : undefined;
  const wanted = one ? [one.kind] : word === undefined ? kinds : [parseKind(word)];
  const namespace = options.allNamespaces ? undefined : (options.namespace ?? (await target.namespace()));
  if (one !== undefined && options.selector !== undefined)
    throw new Failure("usage", "name one object or select by --selector, not both");
  const filter: ListFilter = { ...(namespace !== undefined && { namespace }), labels: options.selector };
  await withConnection(target, async (connection) => {
    if (options.watch)
      return watch(connection, wanted, { filter, name: one?.name, options, prefix: word === undefined });
    const listings = one
      ? [{ kind: one.kind, objects: [await findObject(connection, target, one, options.namespace)] }]
      : await list(connection, wanted, filter);
    const { output } = options;
    if (output !== undefined && output !== "wide") return printWhole(listings, output, one !== undefined);
    const filled = listings.filter(({ objects }) => objects.length > 0);
    if (filled.length > 0) return printTables(filled, options, word === undefined);
    const where = `${namespace === undefined ? "" : `namespace ${namespace} of `}${connection.where}`;
    const labelled = options.selector === undefined ? "" : " with these labels";
    const mend = `${target.hint("run -f DIR")} creates what manifests describe`;
    throw new Failure("notFound", `${where} has no ${word ?? "object"}${labelled}; ${mend}`);
  });
}

function list({ cluster }: Connection, wanted: readonly Kind[], filter: ListFilter): Promise<Listing[]> {
  return Promise.all(
    wanted.map(async (kind) => ({ kind, objects: await cluster.list(kind.resource, filter) })),
  );
}

interface Watching {
  filter: ListFilter;
  /** Of the one object that is watched. */
  name?: string;
  options: GetOptions;
  prefix: boolean;
}

/** What is there, then a line at every change, until the person interrupts or the watch is lost. */
async function watch(
  { cluster, where }: Connection,
  wanted: readonly Kind[],
  watching: Watching,
): Promise<void> {
  const { print, columns } = terminalOf(process.stdout);
  if (cluster.watch === undefined)
    throw new Failure("notFound", `no operator runs on ${where}, so nothing changes; leave --watch out`);
  const follow = cluster.watch.bind(cluster);
  const watches = wanted.map((kind) => {
    const linesOf = changeLines(kind, watching, columns);
    return follow(kind.resource, watching.filter, (event) => {
      if (watching.name === undefined || event.object.metadata.name === watching.name)
        print(...linesOf(event));
    });
  });
  await Promise.all(watches.map((one) => one.synced));
  const interruption = onInterruption(() => process.exit());
  await aborted(interruption.signal);
  interruption.release();
  for (const one of watches) one.close();
}

/** What is printed of each change of a kind's objects. */
function changeLines(
  kind: Kind,
  { options: { output, allNamespaces }, prefix }: Watching,
  columns: number,
): (event: WatchEvent<AnyObject>) => string[] {
  if (output === "json") return (event) => [jsonText(event)];
  if (output === "yaml") return (event) => [`---\n${stringify(event).trimEnd()}`];
  if (output === "name") return ({ object }) => [nameOf(kind, object.metadata.name)];
  // Rows take the widths of all rows there are, so that they stay below each other.
  const seen = new Map<string, AnyObject>();
  let titled = false;
  return ({ type, object }) => {
    const key = keyOf(object.metadata);
    seen.delete(key);
    const lines: string[] = [];
    const table: Terminal["table"] = (titles, rows, layout) =>
      lines.push(...renderTable(titles, rows, { columns, ...layout }));
    const view = { wide: output === "wide", prefix, allNamespaces, now: Date.now() };
    printListing({ table }, { kind, objects: [...seen.values(), object] }, view);
    if (type !== "DELETED") seen.set(key, object);
    const row = `${lines.at(-1)}${type === "DELETED" ? "  (deleted)" : ""}`;
    const shown = titled ? [row] : [lines[0] ?? "", row];
    titled = true;
    return shown;
  };
}

/** For programs: also an empty list is one. */
function printWhole(listings: readonly Listing[], output: "name" | "json" | "yaml", single: boolean): void {
  const { print, json } = terminalOf(process.stdout);
  const objects = listings.flatMap((listing) => listing.objects);
  const whole = single ? objects[0] : { apiVersion: "v1", kind: "List", items: objects };
  if (output === "json") json(whole, 2);
  else if (output === "yaml") print(stringify(whole).trimEnd());
  else
    for (const { kind, objects } of listings)
      print(...objects.map(({ metadata }) => nameOf(kind, metadata.name)));
}

function printTables(listings: readonly Listing[], options: GetOptions, prefix: boolean): void {
  const terminal = terminalOf(process.stdout);
  for (const [index, listing] of listings.entries()) {
    if (index > 0) terminal.print("");
    printListing(terminal, listing, {
      wide: options.output === "wide",
      prefix,
      now: Date.now(),
      allNamespaces: options.allNamespaces ?? false,
    });
  }
}

/** As kubectl prints it and takes it again. */
const nameOf = ({ singular }: Kind, name: string) => `${singular}.${group}/${name}`;

interface ListingView {
  wide: boolean;
  /** Whether names carry their kind, as needed where several kinds are listed. */
  prefix: boolean;
  allNamespaces?: boolean;
  now: number;
}

/** What gives way on a narrow terminal: how far along and how old come before whether and why. */
const narrowing: Readonly<Record<string, Pick<Column, "drop" | "least">>> = {
  Tokens: { drop: 5 },
  Loss: { drop: 4 },
  Age: { drop: 3 },
  Stage: { drop: 2, least: 8 },
  ETA: { drop: 1 },
  Reason: { least: 12 },
};

export function printListing(
  terminal: Pick<Terminal, "table">,
  { kind, objects }: Listing,
  view: ListingView,
): void {
  const shown = kind.columns.filter((column) => view.wide || (column.priority ?? 0) === 0);
  const columns: Column[] = [
    ...(view.allNamespaces ? [{ title: "NAMESPACE" }] : []),
    { title: "NAME", least: 16 },
    ...shown.map(
      (column): Column => ({
        title: column.name.toUpperCase(),
        align: column.type === "integer" ? "right" : "left",
        ...narrowing[column.name],
      }),
    ),
  ];
  const rows = objects.map((object): Cell[] => [
    ...(view.allNamespaces ? [{ text: object.metadata.namespace }] : []),
    { text: view.prefix ? `${kind.singular}/${object.metadata.name}` : object.metadata.name },
    ...shown.map((column) => ({ text: cellText(column, object, view.now) })),
  ]);
  // Scripts count on columns. Who asks for wide columns gets them whole, as from kubectl.
  terminal.table(
    columns,
    rows,
    view.wide ? { columns: Number.POSITIVE_INFINITY, keepEmpty: true } : { keepEmpty: true },
  );
}

function cellText(column: PrinterColumn, object: AnyObject, now: number): string {
  const value = readPath(column.jsonPath, object);
  if (value === undefined || value === null) return "";
  if (column.type === "date") return age(String(value), now);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
