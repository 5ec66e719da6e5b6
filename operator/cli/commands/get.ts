import { Command } from "commander";
import { stringify } from "yaml";
import { group, type PrinterColumn } from "../../api/kinds.ts";
import { Failure } from "../failure.ts";
import { type AnyObject, type Kind, kinds, parseKind, parseReference } from "../kinds.ts";
import { outputOption, withHelp } from "../options.ts";
import { findObject, withConnection } from "../session.ts";
import { onTarget } from "../target/flags.ts";
import type { Connection, Target } from "../target/target.ts";
import { readPath } from "../terminal/json-path.ts";
import type { Cell, Column } from "../terminal/table.ts";
import { type Terminal, terminalOf } from "../terminal/terminal.ts";
import { age } from "../terminal/units.ts";

interface GetOptions {
  output?: "wide" | "name" | "json" | "yaml";
  allNamespaces?: boolean;
  namespace?: string;
}

export function getCommand(): Command {
  const command = new Command("get")
    .description("list objects: of all kinds, of one kind, or one object")
    .argument("[kind]", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of one object")
    .addOption(outputOption(["wide", "name", "json", "yaml"]))
    .option("-A, --all-namespaces", "objects of all namespaces")
    .action(onTarget(get));
  return withHelp(command, [
    "tanren get",
    "tanren get pretrainruns -o wide",
    "tanren get ptr base -o yaml",
    "tanren get infd/chat -o json",
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
  await withConnection(target, async (connection) => {
    const listings = one
      ? [{ kind: one.kind, objects: [await findObject(connection, target, one, options.namespace)] }]
      : await list(connection, wanted, namespace);
    if (options.output === undefined || options.output === "wide") {
      const filled = listings.filter(({ objects }) => objects.length > 0);
      if (filled.length === 0) {
        const where = `${namespace === undefined ? "" : `namespace ${namespace} of `}${connection.where}`;
        const mend = `${target.hint("run -f DIR")} creates what manifests describe`;
        throw new Failure("notFound", `${where} has no ${word ?? "object"}; ${mend}`);
      }
      printTables(filled, options, word === undefined);
    } else printWhole(listings, options.output, one !== undefined);
  });
}

function list(
  { cluster }: Connection,
  wanted: readonly Kind[],
  namespace: string | undefined,
): Promise<Listing[]> {
  const filter = namespace === undefined ? {} : { namespace };
  return Promise.all(
    wanted.map(async (kind) => ({ kind, objects: await cluster.list(kind.resource, filter) })),
  );
}

/** For programs: also an empty list is one. */
function printWhole(listings: readonly Listing[], output: "name" | "json" | "yaml", single: boolean): void {
  const { print } = terminalOf(process.stdout);
  const objects = listings.flatMap((listing) => listing.objects);
  const whole = single ? objects[0] : { apiVersion: "v1", kind: "List", items: objects };
  if (output === "json") print(JSON.stringify(whole, undefined, 2));
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
