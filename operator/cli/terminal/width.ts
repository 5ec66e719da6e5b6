import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

/** Text measured in terminal columns: an East Asian wide character takes two, a combining mark none. */

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

export const widthOf = (text: string): number => stringWidth(text);

/**
 * The text in at most `columns` columns; an ellipsis stands for what was cut. Takes plain text without escape
 * sequences. Not cli-truncate: it measures otherwise than string-width, and exceeds its columns (5.2.0).
 */
export function cut(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  if (columns <= 0) return "";
  let kept = "";
  let used = 1; // the ellipsis
  for (const { segment } of graphemes.segment(text)) {
    used += widthOf(segment);
    if (used > columns) break;
    kept += segment;
  }
  return `${kept}…`;
}

export function pad(text: string, columns: number, side: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, columns - widthOf(text)));
  return side === "left" ? text + space : space + text;
}

/** Lines of at most `columns` columns, broken between words; a longer word between any two characters. */
export function wrap(text: string, columns: number): string[] {
  const words = text.replaceAll(/\s+/g, " ").trim();
  return words === "" ? [] : wrapAnsi(words, columns, { hard: true }).split("\n");
}

/** The rows that a terminal breaks a line into; a wide character is not halved at the edge. */
export const rowsOf = (line: string, columns: number): string[] =>
  wrapAnsi(line, columns, { hard: true, wordWrap: false, trim: false }).split("\n");
