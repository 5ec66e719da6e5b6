/** Quantities as a person reads them: three significant figures, one unit. */

const thousands = ["", "K", "M", "B", "T"];

/** Counts in powers of a thousand, e.g. 13.0B parameters. */
export function count(value: number): string {
  return scaled(value, 1000, thousands, "");
}

/** Sizes in powers of 1,024, e.g. 52.1 GiB. */
export function bytes(value: number): string {
  return scaled(value, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], " ");
}

/** Time since an RFC 3339 instant, in one unit as kubectl's AGE. */
export function age(since: string, now: number): string {
  const seconds = Math.max(0, Math.floor((now - Date.parse(since)) / 1000));
  if (Number.isNaN(seconds)) return "";
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A figure of status (a decimal string) with four significant digits, e.g. 3.214, 1e-5, 18400. */
export function figure(value: string | number): string {
  const number = Number(value);
  if (!Number.isFinite(number)) return String(value);
  if (Number.isInteger(number)) return String(number);
  const size = Math.abs(number);
  if (size >= 1000) return String(Math.round(number));
  return size < 0.001 ? String(Number(number.toPrecision(2))) : number.toPrecision(4);
}

function scaled(value: number, base: number, units: readonly string[], gap: string): string {
  let size = value;
  let unit = 0;
  const shown = () => size.toFixed(unit === 0 || Math.abs(size) >= 100 ? 0 : Math.abs(size) >= 10 ? 1 : 2);
  // As it is shown: 999.9 thousand is a million.
  while (Math.abs(Number(shown())) >= base && unit < units.length - 1) {
    size /= base;
    unit += 1;
  }
  return `${shown()}${gap}${units[unit]}`;
}
