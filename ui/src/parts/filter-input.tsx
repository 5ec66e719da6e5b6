import { t } from "../language/language.ts";
import { setQuery } from "../router.ts";

/** What objects are looked for by; it stands in the address. */
export function FilterInput({ filter }: { filter: string }) {
  return (
    <label class="grow">
      <span class="visually-hidden">{t("filter")}</span>
      <input
        type="search"
        placeholder={t("filter.placeholder")}
        value={filter}
        onInput={(event) => setQuery({ filter: event.currentTarget.value })}
      />
    </label>
  );
}
