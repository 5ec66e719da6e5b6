/** The viewer's token: from the fragment of the address that `tanren ui` opens, or typed in; kept for the tab. */

const storageKey = "tanren-token";

type Storage = Pick<globalThis.Storage, "getItem" | "setItem" | "removeItem">;

/** Takes the token out of the address, so that it is not bookmarked, sent on or seen over a shoulder. */
export function takeToken(
  location: Pick<Location, "hash" | "pathname">,
  history: Pick<History, "replaceState">,
  storage: Storage,
): void {
  const [, token] = location.hash.match(/^#token=([^&]+)/) ?? [];
  if (token === undefined) return;
  storage.setItem(storageKey, decodeURIComponent(token));
  history.replaceState(null, "", `${location.pathname}#/`);
}

export const storedToken = (storage: Storage): string | undefined => storage.getItem(storageKey) ?? undefined;

export const storeToken = (storage: Storage, token: string): void => storage.setItem(storageKey, token);
