import { useCallback, useEffect, useMemo, useState } from "preact/hooks";
import type { Session } from "../../operator/ui-server/contract.ts";
import type { Client } from "./client/client.ts";
import type { Store } from "./client/store.ts";
import { storeToken } from "./client/token.ts";
import { follow } from "./client/watch.ts";
import { type Page, PageContext, session } from "./context.ts";
import { t } from "./language/language.ts";
import { type AnyObject, addressOf, identityOf } from "./objects/objects.ts";
import { ChainPage } from "./pages/chain/chain-page.tsx";
import { ListPage } from "./pages/list-page.tsx";
import { ObjectPage } from "./pages/object-page.tsx";
import { Empty } from "./parts/states.tsx";
import { route } from "./router.ts";
import { Banner, Header, TokenForm } from "./shell.tsx";

/** The page: follows the objects while it is open, and shows what the address names. */
export function App({ client, store }: { client: Client; store: Store }) {
  const [namespace, setNamespace] = useState<string | undefined>(undefined);
  const [attempt, setAttempt] = useState(0);

  useEffect(() => {
    const { report } = client;
    if (report !== undefined) {
      const all = [report.object, ...report.related] as unknown as AnyObject[];
      store.replace(all);
      store.connection.value = { state: "report", made: report.made };
      const identity = all[0] && identityOf(all[0]);
      if (identity && window.location.hash === "") window.location.replace(addressOf(identity));
      return;
    }
    const ending = new AbortController();
    store.connection.value = { state: "connecting" };
    const told = async (signal: AbortSignal) => {
      session.value = await client.json<Session>("/api/session", signal);
      // Who may not list namespaces names one; the session says which is meant until then.
      return namespace ?? (session.value.namespaces === null ? session.value.namespace : undefined);
    };
    void follow({ client, store, namespace: told }, ending.signal);
    return () => ending.abort();
  }, [client, store, namespace, attempt]);

  const restart = useCallback((change: { token?: string; namespace?: string }) => {
    if (change.token !== undefined) storeToken(window.sessionStorage, change.token);
    if (change.namespace !== undefined) setNamespace(change.namespace);
    setAttempt((before) => before + 1);
  }, []);
  const page = useMemo<Page>(() => ({ client, store, restart }), [client, store, restart]);

  return (
    <PageContext.Provider value={page}>
      <button type="button" class="skip" onClick={() => document.getElementById("content")?.focus()}>
        {t("skip")}
      </button>
      <Header />
      <Banner />
      <main id="content" tabIndex={-1}>
        {store.connection.value.state === "refused" ? (
          <TokenForm message={store.connection.value.message} />
        ) : (
          <Routed />
        )}
      </main>
    </PageContext.Provider>
  );
}

function Routed() {
  const at = route.value;
  switch (at.page) {
    case "chain":
      return <ChainPage />;
    case "list":
      return <ListPage list={at.list} />;
    case "object":
      return <ObjectPage identity={at.identity} part={at.part} />;
    case "unknown":
      return <Empty>{t("unknownAddress")}</Empty>;
  }
}
