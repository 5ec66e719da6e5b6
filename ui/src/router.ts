import { signal } from "@preact/signals";
import { type Identity, kindOfPlural } from "./objects/objects.ts";

/**
 * Where the page is, in the address's fragment, so that a report opened as a file has addresses too:
 * `#/`, `#/objects/{list}`, `#/{plural}/{namespace}/{name}/{part}?...`
 */
export type Route =
  | { page: "chain"; query: URLSearchParams }
  | { page: "list"; list: string; query: URLSearchParams }
  | { page: "object"; identity: Identity; part: string; query: URLSearchParams }
  | { page: "unknown"; query: URLSearchParams };

export const lists = ["corpora", "runs", "evaluations", "endpoints"] as const;
export type List = (typeof lists)[number];

export const isList = (word: string): word is List => (lists as readonly string[]).includes(word);

export function parseRoute(hash: string): Route {
  const [path = "", search = ""] = hash.replace(/^#/, "").split("?", 2);
  const query = new URLSearchParams(search);
  const parts = path.split("/").filter(Boolean).map(decoded);
  const [first, second, third, part = ""] = parts;
  if (first === undefined) return { page: "chain", query };
  if (first === "objects" && second !== undefined) return { page: "list", list: second, query };
  const kind = kindOfPlural(first);
  if (kind === undefined || second === undefined || third === undefined) return { page: "unknown", query };
  return { page: "object", identity: { kind, namespace: second, name: third }, part, query };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export const route = signal<Route>({ page: "chain", query: new URLSearchParams() });

export function startRouter(window: Window): void {
  const read = () => {
    route.value = parseRoute(window.location.hash);
  };
  window.addEventListener("hashchange", read);
  read();
}

/** The present address with other parameters; undefined takes one away. Filters leave no trace in the history. */
export function setQuery(changes: Record<string, string | undefined>): void {
  const query = new URLSearchParams(route.peek().query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === "") query.delete(name);
    else query.set(name, value);
  }
  const [path = "#/"] = window.location.hash.split("?", 1);
  const search = query.toString();
  window.history.replaceState(null, "", `${path || "#/"}${search && `?${search}`}`);
  route.value = parseRoute(window.location.hash);
}
