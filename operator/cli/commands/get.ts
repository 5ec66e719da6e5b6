import { Command } from "commander";
import { stringify } from "yaml";
import type { PrinterColumn } from "../../api/kinds.ts";
import { Failure } from "../failure.ts";
import { readPath } from "../json-path.ts";
import { type AnyObject, type Kind, kindNamed, kinds, referenceNamed } from "../kinds.ts";
import { namespaceOption, outputOption, type PlaceOptions, stateOption, withHelp } from "../options.ts";
import { findObject, withSession } from "../session.ts";
import type { Cell, Column } from "../terminal/table.ts";
import { type Terminal, terminalOf } from "../terminal/terminal.ts";
import { age } from "../units.ts";

interface GetOptions extends PlaceOptions {
  output?: "wide" | "json" | "yaml";
  allNamespaces?: boolean;
}

export function getCommand(): Command {
  const command = new Command("get")
    .description("list objects: of all kinds, of one kind, or one object")
    .argument("[kind]", "kind by any of its names, or KIND/NAME")
    .argument("[name]", "name of one object")
    .addOption(outputOption(["wide", "json", "yaml"]))
    .option("-A, --all-namespaces", "objects of all namespaces")
    .addOption(namespaceOption())
    .addOption(stateOption())
    .action(get);
  return withHelp(command, [
    "tanren get",
    "tanren get pretrainruns -o wide",
    "tanren get ptr base -o yaml",
    "tanren get infd/chat -o json",
  ]);
}

interface Listing {
  kind: Kind;
  objects: AnyObject[];
}

async function get(word: string | undefined, name: string | undefined, options: GetOptions): Promise<void> {
  const one = word !== undefined && (name !== undefined || word.includes("/")) ? referenceNamed(word, name) : undefined;
  const wanted = one ? [one.kind] : word === undefined ? kinds : [kindNamed(word)];
  const listings = await withSession(options.state, async ({ cluster }): Promise<Listing[]> => {
    if (one) return [{ kind: one.kind, objects: [await findObject(cluster, one, options.namespace)] }];
    const filter = options.allNamespaces ? {} : { namespace: options.namespace ?? "default" };
    return Promise.all(wanted.map(async (kind) => ({ kind, objects: await cluster.list(kind.resource, filter) })));
  });
  const terminal = terminalOf(process.stdout);
  const objects = listings.flatMap((listing) => listing.objects);
  if (options.output === "json" || options.output === "yaml") {
    const whole = one ? objects[0] : { apiVersion: "v1", kind: "List", items: objects };
    terminal.print(options.output === "json" ? JSON.stringify(whole, undefined, 2) : stringify(whole).trimEnd());
    return;
  }
  const filled = listings.filter((listing) => listing.objects.length > 0);
  if (filled.length === 0) {
    throw new Failure(
      "notFound",
      `${options.state} holds no ${word ?? "object"}; "tanren run -f DIR" makes what manifests say`,
    );
  }
  for (const [index, listing] of filled.entries()) {
    if (index > 0) terminal.print("");
    printListing(terminal, listing, {
      wide: options.output === "wide",
      prefix: word === undefined,
      now: Date.now(),
      ...options,
    });
  }
}

interface ListingView {
  wide: boolean;
  /** Whether names carry their kind, as needed where several kinds are listed. */
  prefix: boolean;
  allNamespaces?: boolean;
  now: number;
}

export function printListing(terminal: Pick<Terminal, "table">, { kind, objects }: Listing, view: ListingView): void {
  const shown = kind.columns.filter((column) => view.wide || (column.priority ?? 0) === 0);
  const columns: Column[] = [
    ...(view.allNamespaces ? [{ title: "NAMESPACE" }] : []),
    { title: "NAME" },
    ...shown.map(
      (column): Column => ({ title: column.name.toUpperCase(), align: column.type === "integer" ? "right" : "left" }),
    ),
  ];
  const rows = objects.map((object): Cell[] => [
    ...(view.allNamespaces ? [{ text: object.metadata.namespace }] : []),
    { text: view.prefix ? `${kind.singular}/${object.metadata.name}` : object.metadata.name },
    ...shown.map((column) => ({ text: cellText(column, object, view.now) })),
  ]);
  // As with kubectl: what a person or a script looks for is never cut.
  terminal.table(columns, rows, { columns: Number.POSITIVE_INFINITY, keepEmpty: true });
}

function cellText(column: PrinterColumn, object: AnyObject, now: number): string {
  const value = readPath(column.jsonPath, object);
  if (value === undefined || value === null) return "";
  if (column.type === "date") return age(String(value), now);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
