import { signal } from "@preact/signals";
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Session } from "../../operator/ui-server/contract.ts";
import type { Client } from "./client/client.ts";
import type { Store } from "./client/store.ts";

/** What every component may ask for. */
export interface Page {
  client: Client;
  store: Store;
  /** Begins anew with another token, or in another namespace. */
  restart(change: { token?: string; namespace?: string }): void;
}

export const PageContext = createContext<Page | undefined>(undefined);

export function usePage(): Page {
  const page = useContext(PageContext);
  if (page === undefined) throw new Error("usePage outside of PageContext");
  return page;
}

export const session = signal<Session | undefined>(undefined);

/** The present time, for ages; moves every 15 s. A report's stands still when it was made. */
export const now = signal(Date.now());
