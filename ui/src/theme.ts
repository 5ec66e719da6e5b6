import { effect, signal } from "@preact/signals";

/** Light, dark, or what the system says. */
export const themes = ["system", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

export const theme = signal<Theme>("system");
/** Counts changes of the colours in effect, also the system's: canvases are drawn again. */
export const palette = signal(0);

const storageKey = "tanren-theme";

export function startTheme(storage: Storage, root: HTMLElement, systemIsDark: MediaQueryList): void {
  const chosen = themes.find((one) => one === storage.getItem(storageKey));
  theme.value = chosen ?? "system";
  effect(() => {
    if (theme.value === "system") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
    palette.value = palette.peek() + 1;
  });
  systemIsDark.addEventListener("change", () => {
    palette.value = palette.peek() + 1;
  });
}

export function chooseTheme(storage: Storage, chosen: Theme): void {
  storage.setItem(storageKey, chosen);
  theme.value = chosen;
}
