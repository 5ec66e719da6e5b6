/** Kubernetes quantities as numbers, e.g. "2Gi" -> 2147483648 and "500m" -> 0.5. */

const suffixes: Record<string, number> = {
  "": 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** Throws RangeError for what the API's schema would not have let in. */
export function quantityValue(quantity: string): number {
  const [, digits, suffix] = /^([0-9.]+)([a-zA-Z]*)$/.exec(quantity) ?? [];
  const factor = suffixes[suffix ?? "?"];
  const value = Number(digits) * (factor ?? Number.NaN);
  if (Number.isNaN(value))
    throw new RangeError(`${JSON.stringify(quantity)} is no quantity; write e.g. 500m, 2Gi or 4`);
  return value;
}

/** Bytes as a person reads them, e.g. "67.9 GiB". */
export function inGibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;
}
