/**
 * Exponential moving average without the pull towards zero at the start (as Adam corrects it): the weight of what
 * came before is `weight` per point, 0 changes nothing. Points without a value stay without one.
 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight <= 0) return [...values];
  let sum = 0;
  let share = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    sum = weight * sum + (1 - weight) * value;
    share = weight * share + (1 - weight);
    return sum / share;
  });
}
