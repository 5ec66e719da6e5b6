import { parseLine } from "../json-line.ts";

/**
 * Lines of a metrics.jsonl: flat JSON objects of numbers. The fast way reads what programs write, number by
 * number and with the names where they were in the line before; its numbers may differ from JSON's in the
 * last bit, which no picture shows. What it does not know is left to JSON.parse.
 */

export type Row = ReadonlyMap<string, number | null>;

const [quote, colon, space, comma, open, close] = [0x22, 0x3a, 0x20, 0x2c, 0x7b, 0x7d];
const [minus, plus, dot, zero, smallE, largeE, backslash] = [0x2d, 0x2b, 0x2e, 0x30, 0x65, 0x45, 0x5c];

/** @throws SyntaxError */
export function parseRow(line: string): Row {
  const value = parseLine(line);
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new SyntaxError("it is no JSON object");
  const figures = Object.entries(value).filter(
    (entry): entry is [string, number | null] => typeof entry[1] === "number" || entry[1] === null,
  );
  return new Map(figures);
}

/** Reads lines of which names mostly stand in the order of the line before. */
export class LineReader<Column> {
  readonly #columnOf: (name: string) => Column;
  readonly #keys: { text: Uint8Array; column: Column }[] = [];
  /** Of the line that was read last: the first `length` of each. */
  readonly columns: Column[] = [];
  readonly values: number[] = [];
  length = 0;
  /** Where what was read last ends. */
  #at = 0;
  #scale = 0;

  constructor(columnOf: (name: string) => Column) {
    this.#columnOf = columnOf;
  }

  /** Whether it could read the line, which is the bytes from `start` to before `end`. */
  read(bytes: Uint8Array, start: number, end: number): boolean {
    this.length = 0;
    let at = start;
    if (bytes[at++] !== open) return false;
    for (;;) {
      while (bytes[at] === space || bytes[at] === comma) at++;
      if (at >= end) return false;
      if (bytes[at] === close) return at === end - 1;
      const key = this.#key(bytes, at, end);
      if (key === undefined) return false;
      const value = this.#number(bytes, at + key.text.length, end);
      if (value === undefined) return false;
      at = this.#at;
      this.columns[this.length] = key.column;
      this.values[this.length++] = value;
    }
  }

  /** The name that stands there, with its quotes, colon and space. */
  #key(bytes: Uint8Array, start: number, end: number): { text: Uint8Array; column: Column } | undefined {
    const known = this.#keys[this.length];
    if (known !== undefined && startsWith(bytes, start, known.text)) return known;
    let at = start + 1;
    while (at < end && bytes[at] !== quote) if (bytes[at++] === backslash) return undefined;
    if (bytes[start] !== quote || bytes[at + 1] !== colon) return undefined;
    const column = this.#columnOf(
      Buffer.from(bytes.buffer, bytes.byteOffset + start + 1, at - start - 1).toString(),
    );
    const after = bytes[at + 2] === space ? at + 3 : at + 2;
    const key = { text: bytes.slice(start, after), column };
    this.#keys[this.length] = key;
    return key;
  }

  #number(bytes: Uint8Array, start: number, end: number): number | undefined {
    const negative = bytes[start] === minus;
    const mantissa = this.#mantissa(bytes, negative ? start + 1 : start, end);
    if (mantissa === undefined) return undefined;
    let exponent = this.#scale;
    const after = bytes[this.#at];
    if (after === smallE || after === largeE) exponent += this.#exponent(bytes, this.#at + 1, end);
    const value = scaled(mantissa, exponent);
    return negative ? -value : value;
  }

  /** Its first 17 digits as a whole number; `#scale` is the power of ten that they are short of. */
  #mantissa(bytes: Uint8Array, start: number, end: number): number | undefined {
    // Nine digits, and eight more, fit the small whole numbers that a processor is fast with.
    let head = 0;
    let tail = 0;
    let digits = 0;
    let beyond = 0;
    let point = -1;
    let at = start;
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0;
      if (byte === dot) {
        point = at;
        continue;
      }
      const digit = byte - zero;
      if (digit < 0 || digit > 9) break;
      if (digits < 9) head = head * 10 + digit;
      else if (digits < 17) tail = tail * 10 + digit;
      else beyond++;
      if (head > 0) digits++;
    }
    if (at === start) return undefined;
    this.#at = at;
    this.#scale = beyond - (point < 0 ? 0 : at - point - 1);
    return digits <= 9 ? head : head * (powers[Math.min(digits, 17) - 9] ?? 1) + tail;
  }

  #exponent(bytes: Uint8Array, start: number, end: number): number {
    const negative = bytes[start] === minus;
    let at = negative || bytes[start] === plus ? start + 1 : start;
    let power = 0;
    for (; at < end; at++) {
      const digit = (bytes[at] ?? 0) - zero;
      if (digit < 0 || digit > 9) break;
      power = power * 10 + digit;
    }
    this.#at = at;
    return negative ? -power : power;
  }
}

const powers = Array.from({ length: 23 }, (_, power) => 10 ** power);

function scaled(mantissa: number, exponent: number): number {
  if (exponent < -44 || exponent > 22) return Number(`${mantissa}e${exponent}`);
  if (exponent >= 0) return mantissa * (powers[exponent] ?? 1);
  const [one, other] = [Math.min(-exponent, 22), Math.max(-exponent - 22, 0)];
  return mantissa / (powers[one] ?? 1) / (powers[other] ?? 1);
}

function startsWith(bytes: Uint8Array, at: number, text: Uint8Array): boolean {
  for (let index = 0; index < text.length; index++) if (bytes[at + index] !== text[index]) return false;
  return true;
}
