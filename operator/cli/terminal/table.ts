import { printable } from "./printable.ts";
import { cut, pad, widthOf, wrap } from "./width.ts";

export interface Column {
  title: string;
  align?: "left" | "right";
  /** Least width it may be cut to when the terminal is narrow; a column without it is never cut. */
  least?: number;
  /** Which is cut first on a narrow terminal: the lowest, and among equals the rightmost. */
  yields?: number;
  /**
   * When even cutting does not suffice, columns are left out, highest number first; one without it always
   * stays.
   */
  drop?: number;
  /** Text that does not fit goes on below, in the same column, instead of being cut. */
  wraps?: boolean;
}

export interface Cell {
  text: string;
  /** Put around the text after it is cut and padded, e.g. a colour. */
  paint?: (text: string) => string;
}

export interface TableLayout {
  /** Columns of the terminal; Infinity for a file or a pipe. */
  columns: number;
  /** Whether a column stays in which no row has text; scripts count on columns. */
  keepEmpty?: boolean;
}

const gap = "  ";

/** Lines of a table, none wider than the layout allows. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  layout: TableLayout,
): string[] {
  const { kept, widths } = layOut(columns, rows, layout);
  const header = columns.map((column): Cell => ({ text: column.title }));
  const lineOf = (row: readonly Cell[]): string => {
    const cells = kept.map((index, position) => {
      const { text, paint } = row[index] ?? { text: "" };
      const width = widths[position] ?? 0;
      const last = position === kept.length - 1;
      const align = columns[index]?.align;
      const shown = cut(oneLine(text), width);
      const filled = last && align !== "right" ? shown : pad(shown, width, align);
      return paint && text !== "" ? paint(filled) : filled;
    });
    return cells.join(gap).trimEnd();
  };
  const wrapping = kept.filter((index) => columns[index]?.wraps);
  const linesOf = (row: readonly Cell[]): string[] => {
    const parts = new Map(
      wrapping.map((index) => [
        index,
        wrap(oneLine(row[index]?.text ?? ""), widths[kept.indexOf(index)] ?? 0),
      ]),
    );
    const height = Math.max(1, ...parts.values().map((lines) => lines.length));
    return Array.from({ length: height }, (_, line) =>
      lineOf(
        columns.map((_, index) => {
          const part = parts.get(index);
          if (part !== undefined) return { ...row[index], text: part[line] ?? "" };
          return line === 0 ? (row[index] ?? { text: "" }) : { text: "" };
        }),
      ),
    );
  };
  return [lineOf(header), ...rows.flatMap(linesOf)];
}

/** As it is shown, so that it is measured so. */
const oneLine = (text: string) => printable(text).replaceAll(/\s+/g, " ").trim();

function layOut(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  { columns: room, keepEmpty = false }: TableLayout,
) {
  const natural = columns.map((column, index) => {
    const texts = rows.map((row) => widthOf(oneLine(row[index]?.text ?? "")));
    const widest = Math.max(0, ...texts);
    return rows.length > 0 && widest === 0 && !keepEmpty ? 0 : Math.max(widest, widthOf(column.title));
  });
  let kept = columns
    .keys()
    .filter((index) => natural[index] !== 0)
    .toArray();
  const least = (index: number) =>
    Math.min(natural[index] ?? 0, columns[index]?.least ?? Number.POSITIVE_INFINITY);
  const total = (width: (index: number) => number) =>
    kept.reduce((sum, index) => sum + width(index), 0) + gap.length * Math.max(0, kept.length - 1);
  while (total(least) > room) {
    const next = kept
      .filter((index) => columns[index]?.drop !== undefined)
      .sort((a, b) => (columns[b]?.drop ?? 0) - (columns[a]?.drop ?? 0))[0];
    if (next === undefined) break;
    kept = kept.filter((index) => index !== next);
  }
  const widths = new Map(kept.map((index) => [index, natural[index] ?? 0]));
  const order = kept.toReversed().sort((a, b) => (columns[a]?.yields ?? 0) - (columns[b]?.yields ?? 0));
  for (const index of order) {
    const over = total((at) => widths.get(at) ?? 0) - room;
    if (over > 0) widths.set(index, Math.max(least(index), (widths.get(index) ?? 0) - over));
  }
  // Narrower than what is never cut: better a cut word than a line that the terminal breaks.
  for (const index of kept.toReversed()) {
    const over = total((at) => widths.get(at) ?? 0) - room;
    if (over > 0) widths.set(index, Math.max(1, (widths.get(index) ?? 0) - over));
  }
  return { kept, widths: kept.map((index) => widths.get(index) ?? 0) };
}
