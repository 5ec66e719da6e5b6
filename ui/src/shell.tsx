import { useEffect, useState } from "preact/hooks";
import { session, usePage } from "./context.ts";
import { chooseLanguage, language, t } from "./language/language.ts";
import { lists, route } from "./router.ts";
import { chooseTheme, type Theme, theme, themes } from "./theme.ts";

/** What stands around every page: where one is, language, theme, and whether what is shown is the present. */

export function Header() {
  const at = route.value;
  const current = (list: string) =>
    (at.page === "list" && at.list === list) || (at.page === "chain" && list === "chain")
      ? "page"
      : undefined;
  return (
    <header class="top">
      <a class="brand" href="#/">
        <span aria-hidden="true">鍛</span> Tanren
      </a>
      <nav class="sections" aria-label={t("pages")}>
        <a href="#/" aria-current={current("chain")}>
          {t("page.chain")}
        </a>
        {lists.map((list) => (
          <a key={list} href={`#/objects/${list}`} aria-current={current(list)}>
            {t(`page.${list}`)}
          </a>
        ))}
      </nav>
      <div class="switches">
        <Namespace />
        <label>
          <span class="visually-hidden">{t("theme")}</span>
          <select
            value={theme.value}
            onChange={(event) => chooseTheme(window.localStorage, event.currentTarget.value as Theme)}
          >
            {themes.map((one) => (
              <option key={one} value={one}>
                {t(`theme.${one}`)}
              </option>
            ))}
          </select>
        </label>
        <button
          type="button"
          lang={language.value === "ja" ? "en" : "ja"}
          onClick={() => chooseLanguage(window.localStorage, language.value === "ja" ? "en" : "ja")}
        >
          {language.value === "ja" ? "English" : "日本語"}
        </button>
      </div>
    </header>
  );
}

/** Where the viewer may not list namespaces, one is typed. */
function Namespace() {
  const { restart } = usePage();
  const told = session.value;
  const [typed, setTyped] = useState("");
  useEffect(() => setTyped(told?.namespace ?? ""), [told?.namespace]);
  if (told === undefined || told.namespaces !== null) return null;
  return (
    <form
      class="namespace"
      onSubmit={(event) => {
        event.preventDefault();
        restart({ namespace: typed });
      }}
    >
      <label>
        <span class="visually-hidden">{t("namespace")}</span>
        <input value={typed} onInput={(event) => setTyped(event.currentTarget.value)} />
      </label>
    </form>
  );
}

/** Said whenever what is shown may not be the present. */
export function Banner() {
  const { store } = usePage();
  const connection = store.connection.value;
  const told = session.value;
  return (
    <aside aria-label={t("connection")}>
      {connection.state === "offline" && (
        <p class="banner offline" role="status">
          <strong>{t("offline")}</strong> {t("offline.about")} <span class="told">{connection.message}</span>
        </p>
      )}
      {connection.state === "report" && (
        <p class="banner" role="status">
          {t("report", { made: new Date(connection.made).toLocaleString(language.value) })}
        </p>
      )}
      {store.problems.value.map((problem) => (
        <p key={problem} class="banner offline" role="status">
          {problem}
        </p>
      ))}
      {connection.state === "live" && told !== undefined && (
        <p class="where">
          <span class="live" aria-hidden="true" /> {t("live")} · {t(`where.${told.where}`)} {told.name}
          {told.user && ` · ${told.user}`} · {told.version}
        </p>
      )}
    </aside>
  );
}

export function TokenForm({ message }: { message: string }) {
  const { restart } = usePage();
  const [token, setToken] = useState("");
  return (
    <form
      class="token"
      onSubmit={(event) => {
        event.preventDefault();
        restart({ token });
      }}
    >
      <h1>{t("token.title")}</h1>
      <p role="alert" class="told">
        {message}
      </p>
      <p>{t("token.about")}</p>
      <label>
        {t("token.label")}
        <input
          type="password"
          autocomplete="off"
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value.trim())}
        />
      </label>
      <button type="submit" class="primary">
        {t("token.use")}
      </button>
    </form>
  );
}
