/** What numbers are computed or kept in. */
export type Precision = "float32" | "bfloat16";

export const bytesOf: Record<Precision, number> = { float32: 4, bfloat16: 2 };
