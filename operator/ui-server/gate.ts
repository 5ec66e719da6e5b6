import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { HttpError } from "./http-error.ts";

/** What is asked of every request before anything else: who sends it, and that a page of ours made it. */

/** The token of `Authorization: Bearer TOKEN`; undefined where there is none. */
export function bearerToken({ headers }: Pick<IncomingMessage, "headers">): string | undefined {
  return /^Bearer ([\w.~+/=-]+)$/i.exec(headers.authorization ?? "")?.[1];
}

/** Takes as long whether the first character is wrong or the last. */
export function isToken(given: string, wanted: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}

/**
 * A page of another site may lead its own name to this machine (DNS rebinding): then the browser sends that
 * name. Throws where the request does not name one of the hosts.
 */
export function requireHost({ headers }: Pick<IncomingMessage, "headers">, hosts: ReadonlySet<string>): void {
  if (hosts.has(headers.host ?? "")) return;
  throw new HttpError(
    403,
    `open this page by its own address, http://${[...hosts][0]}, and by no other name`,
  );
}

/** Throws where a page of another site sent the request, as browsers say it. */
export function requireOwnOrigin({ headers }: Pick<IncomingMessage, "headers">): void {
  const { origin, host, "sec-fetch-site": site } = headers;
  const isOwn = origin === undefined || URL.parse(origin)?.host === host;
  if (isOwn && site !== "cross-site" && site !== "same-site") return;
  throw new HttpError(403, "a page of another site sent this request; nothing is answered to it");
}
