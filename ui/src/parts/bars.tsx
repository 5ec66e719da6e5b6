/** Named amounts as bars, most first; the numbers stand beside them. */
export function Bars({
  label,
  rows,
  format,
}: {
  label: string;
  rows: readonly { name: string; value: number; color?: number }[];
  format: (value: number) => string;
}) {
  const largest = Math.max(1, ...rows.map(({ value }) => value));
  return (
    <ul class="bars" aria-label={label}>
      {rows.map(({ name, value, color = 0 }) => (
        <li key={name}>
          <span class="bar-name">{name}</span>
          <span class="bar-space" aria-hidden="true">
            <span class={`bar-fill color-${color}`} style={{ width: `${(100 * value) / largest}%` }} />
          </span>
          <span class="bar-value">{format(value)}</span>
        </li>
      ))}
    </ul>
  );
}
