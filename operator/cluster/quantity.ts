/**
 * Kubernetes quantities, e.g. "2Gi", "500m" or "1e3": the grammar of apimachinery's resource.ParseQuantity as
 * its documentation states it, with exponents of two digits, and without the sign of what is less than
 * nothing.
 */
export const quantityPattern =
  /^\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]{1,2})?$/;

const decimalExponents: Record<string, number> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const binaryExponents: Record<string, number> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };

/** A quantity as a fraction of whole numbers: no sum of thousandths is ever not quite what was meant. */
export class Quantity {
  readonly #numerator: bigint;
  readonly #denominator: bigint;

  private constructor(numerator: bigint, denominator: bigint) {
    this.#numerator = numerator;
    this.#denominator = denominator;
  }

  /** Undefined for what is none. */
  static parse(text: string): Quantity | undefined {
    const [, number, , suffix = ""] = quantityPattern.exec(text) ?? [];
    if (number === undefined) return undefined;
    const [whole = "", fraction = ""] = number.split(".");
    const binary = 1n << BigInt(binaryExponents[suffix] ?? 0);
    const decimal = (decimalExponents[suffix] ?? exponentOf(suffix)) - fraction.length;
    const digits = BigInt(whole + fraction) * binary;
    return decimal >= 0
      ? new Quantity(digits * 10n ** BigInt(decimal), 1n)
      : new Quantity(digits, 10n ** BigInt(-decimal));
  }

  compareTo(other: Quantity): -1 | 0 | 1 {
    const difference = this.#numerator * other.#denominator - other.#numerator * this.#denominator;
    if (difference === 0n) return 0;
    return difference < 0n ? -1 : 1;
  }

  /** As a number, which has 53 bits. */
  get value(): number {
    const whole = this.#numerator / this.#denominator;
    return Number(whole) + Number(this.#numerator % this.#denominator) / Number(this.#denominator);
  }
}

const exponentOf = (suffix: string): number => (/^[eE][-+0-9]/.test(suffix) ? Number(suffix.slice(1)) : 0);

/** Throws RangeError for what the API's schema would not have let in. */
export function quantityValue(text: string): number {
  const quantity = Quantity.parse(text);
  if (quantity === undefined)
    throw new RangeError(`${JSON.stringify(text)} is no quantity; write e.g. 500m, 2Gi or 4`);
  return quantity.value;
}

/** Bytes as a person reads them, e.g. "67.9 GiB". */
export function inGibibytes(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(bytes < 2 ** 30 ? 2 : 1)} GiB`;
}
