/**
 * What others say, as it may be kept in a status or an Event and shown on a terminal: one line without control
 * characters, well-formed, of at most so many characters.
 */
export function plainText(said: string, longest: number): string {
  // Cut first: what follows is work on every character.
  const line = said
    .slice(0, longest + 1)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, " ")
    .trim();
  return line.length <= longest ? line : `${line.slice(0, longest - 1).toWellFormed()}…`;
}

/** The beginning of a text that fits in so many bytes of UTF-8, which some limits of the API server count. */
export function firstBytes(text: string, longest: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= longest) return text;
  return bytes
    .subarray(0, longest)
    .toString("utf8")
    .replace(/\uFFFD+$/, "");
}
