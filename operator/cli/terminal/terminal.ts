import type { WriteStream } from "node:tty";
import { jsonText, printable } from "./printable.ts";
import { type Cell, type Column, renderTable, type TableLayout } from "./table.ts";
import { rowsOf } from "./width.ts";

/** Where a command writes: a person's terminal, or a file or pipe that a program reads. */
export interface Terminal {
  /** Whether a person looks at it. */
  readonly interactive: boolean;
  readonly colour: boolean;
  /** Width in columns; Infinity where there is no terminal. */
  readonly columns: number;
  /** Lines of plain text: on a terminal without anything that it would obey. */
  print(...lines: string[]): void;
  /** A value for programs, which they read back as it is. */
  json(value: unknown, indent?: number): void;
  table(columns: readonly Column[], rows: readonly (readonly Cell[])[], layout?: Partial<TableLayout>): void;
}

export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  const columns = stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY;
  const print = (...lines: string[]) => {
    stream.write(lines.map((line) => `${stream.isTTY ? printable(line) : line}\n`).join(""));
  };
  return {
    interactive: stream.isTTY === true,
    colour: stream.isTTY === true && stream.hasColors() && !process.env.NO_COLOR,
    columns,
    print,
    json: (value, indent) => print(jsonText(value, indent)),
    table: (titles, rows, layout) => print(...renderTable(titles, rows, { columns, ...layout })),
  };
}

const control = "\u001b[";
/** Synchronized output: a terminal that knows it shows the whole frame at once, others ignore it. */
const frame = (content: string) => `${control}?2026h${content}${control}?2026l`;

/** Gives back the cursor that a live block hides. */
export const showCursor = `${control}?25h`;

/**
 * A block of lines at the end of the terminal that is drawn over in place; whatever is printed above it stays
 * in the scrollback.
 */
export class Screen {
  readonly #stream: Pick<WriteStream, "write" | "columns" | "rows">;
  #shown: string[] = [];

  constructor(stream: Pick<WriteStream, "write" | "columns" | "rows">) {
    this.#stream = stream;
  }

  get columns(): number {
    return this.#stream.columns || 80;
  }

  /** Lines that fit without scrolling the block out of reach. */
  get room(): number {
    return Math.max(2, (this.#stream.rows || 24) - 1);
  }

  /** Draws the block; nothing is written when it looks the same already. */
  draw(lines: readonly string[]): void {
    if (lines.length === this.#shown.length && lines.every((line, index) => line === this.#shown[index]))
      return;
    this.#stream.write(
      frame(
        `${control}?25l${this.#toTop()}${lines.map((line) => `${line}${control}K\n`).join("")}${control}J`,
      ),
    );
    this.#shown = [...lines];
  }

  /** Prints lines above the block. */
  print(lines: readonly string[]): void {
    const block = this.#shown;
    this.#stream.write(
      frame(
        `${this.#toTop()}${[...lines, ...block].map((line) => `${line}${control}K\n`).join("")}${control}J`,
      ),
    );
  }

  /** Leaves the block where it is and gives the cursor back. */
  finish(): void {
    this.#shown = [];
    this.#stream.write(showCursor);
  }

  /** After the terminal was made narrower a line takes several rows. */
  #toTop(): string {
    const rows = this.#shown.reduce((sum, line) => sum + rowsOf(line, this.columns).length, 0);
    return rows === 0 ? "\r" : `\r${control}${rows}A`;
  }
}
