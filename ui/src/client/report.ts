import type { Report } from "../../../operator/ui-server/contract.ts";

/** The data of a single-file report; undefined where the page is served. */
export function embeddedReport(document: Document): Report | undefined {
  const text = document.getElementById("tanren-report")?.textContent?.trim();
  return text ? (JSON.parse(text) as Report) : undefined;
}
