/**
 * Whether the first resourceVersion is later than the second. Within a resource they are whole numbers that grow (KEP-5504), of
 * any length, without leading zeros.
 */
export function isLater(one: string, other: string): boolean {
  return one.length === other.length ? one > other : one.length > other.length;
}
