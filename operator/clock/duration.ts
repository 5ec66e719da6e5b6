const units = [
  [86_400, "d"],
  [3600, "h"],
  [60, "m"],
  [1, "s"],
] as const;

/** The two greatest units of a time span, without zeros, as kubectl writes them: 12s, 4m10s, 3h5m, 2d4h. */
export function formatDuration(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const amounts = units.map(([size, unit]) => {
    const amount = Math.floor(rest / size);
    rest %= size;
    return { amount, unit };
  });
  const first = amounts.findIndex(({ amount }) => amount > 0);
  if (first === -1) return "0s";
  return amounts
    .slice(first, first + 2)
    .filter(({ amount }) => amount > 0)
    .map(({ amount, unit }) => `${amount}${unit}`)
    .join("");
}
