import { t } from "../language/language.ts";

export const pageRows = 50;

/** Backwards and forwards through rows that the server tells page by page. */
export function Pages({
  offset,
  total,
  next,
  onOffset,
}: {
  offset: number;
  total: number;
  next: number | null;
  onOffset: (offset: number) => void;
}) {
  if (total <= pageRows) return null;
  return (
    <nav class="pages" aria-label={t("rows")}>
      <button type="button" disabled={offset === 0} onClick={() => onOffset(Math.max(0, offset - pageRows))}>
        {t("rows.previous")}
      </button>
      <span>{t("rows.of", { from: offset + 1, to: Math.min(total, offset + pageRows), total })}</span>
      <button type="button" disabled={next === null} onClick={() => next !== null && onOffset(next)}>
        {t("rows.next")}
      </button>
    </nav>
  );
}
