import { type Cell, type Column, renderTable, type TableLayout } from "./table.ts";

/** Where a command writes: a person's terminal, or a file or pipe that a program reads. */
export interface Terminal {
  /** Whether a person looks at it. */
  readonly interactive: boolean;
  readonly colour: boolean;
  /** Width in columns; Infinity where there is no terminal. */
  readonly columns: number;
  print(...lines: string[]): void;
  table(columns: readonly Column[], rows: readonly (readonly Cell[])[], layout?: Partial<TableLayout>): void;
}

export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  const columns = stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY;
  const print = (...lines: string[]) => {
    stream.write(lines.map((line) => `${line}\n`).join(""));
  };
  return {
    interactive: stream.isTTY === true,
    colour: stream.isTTY === true && stream.hasColors() && !process.env.NO_COLOR,
    columns,
    print,
    table: (titles, rows, layout) => print(...renderTable(titles, rows, { columns, ...layout })),
  };
}
