/**
 * A line of JSON, in which Python has written NaN or Infinity where JSON has no number: those are null.
 * @throws SyntaxError
 */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return JSON.parse(line.replaceAll(/(?<=[:,[]\s*)(?:NaN|-?Infinity)\b/g, "null"));
  }
}
