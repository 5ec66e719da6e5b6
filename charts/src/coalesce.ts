/** Values as Helm lays them over others: maps entry by entry, everything else as a whole. */
export function coalesce(under: object, over: object): object {
  const all: Record<string, unknown> = { ...under };
  for (const [key, value] of Object.entries(over)) {
    const there = all[key];
    all[key] = isMap(there) && isMap(value) ? coalesce(there, value) : value;
  }
  return all;
}

const isMap = (value: unknown): value is object => typeof value === "object" && value !== null && !Array.isArray(value);
