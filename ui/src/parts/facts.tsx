import type { ComponentChildren } from "preact";

export type FactRow = readonly [name: string, value: ComponentChildren];

/** Names and values; what has no value is left out. */
export function Facts({ rows }: { rows: readonly FactRow[] }) {
  const told = rows.filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (told.length === 0) return null;
  return (
    <dl class="facts">
      {told.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A digest as far as people compare it by eye; the whole of it on hover and to screen readers' copy. */
export function Digest({ digest }: { digest: string }) {
  return (
    <code class="digest" title={digest}>
      {digest.replace(/^sha256:/, "").slice(0, 12)}
    </code>
  );
}

export function Panel({
  title,
  children,
  actions,
  wide = false,
}: {
  title: string;
  children: ComponentChildren;
  actions?: ComponentChildren;
  wide?: boolean;
}) {
  return (
    <div class={wide ? "panel wide" : "panel"}>
      <header>
        <h2>{title}</h2>
        {actions}
      </header>
      {children}
    </div>
  );
}
