import { effect, signal } from "@preact/signals";
import { isReason, reasonEntry } from "../../../operator/api/reasons.ts";
import { english, type MessageKey, type Messages } from "./english.ts";
import { japanese } from "./japanese.ts";
import { japaneseReasons } from "./japanese-reasons.ts";

export type Language = "en" | "ja";

export const language = signal<Language>("en");

const messages: Record<Language, Messages> = { en: english, ja: japanese };

/** A sentence of the page in the viewer's language; `{name}` stands for a value. */
export function t(key: MessageKey, values: Record<string, string | number> = {}): string {
  return messages[language.value][key].replaceAll(/\{(\w+)\}/g, (whole, name: string) =>
    name in values ? String(values[name]) : whole,
  );
}

/** What a reason means, from the one table of reasons. */
export function aboutReason(reason: string): string | undefined {
  if (!isReason(reason)) return undefined;
  return language.value === "ja" ? japaneseReasons[reason] : reasonEntry(reason).about;
}

const storageKey = "tanren-language";

/** The language chosen here before, or the browser's first one that the page speaks. */
export function startLanguage(storage: Storage, preferred: readonly string[], root: HTMLElement): void {
  const chosen = storage.getItem(storageKey);
  const browser = preferred.map((one) => one.slice(0, 2)).find((one) => one === "ja" || one === "en");
  language.value = chosen === "ja" || chosen === "en" ? chosen : browser === "ja" ? "ja" : "en";
  effect(() => {
    root.lang = language.value;
  });
}

export function chooseLanguage(storage: Storage, chosen: Language): void {
  storage.setItem(storageKey, chosen);
  language.value = chosen;
}
