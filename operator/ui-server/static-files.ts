import type { IncomingMessage, ServerResponse } from "node:http";
import { extname } from "node:path";

/** The page's own files, whole in memory, by path below its root. */
export type Page = ReadonlyMap<string, Uint8Array>;

const mediaTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".woff2": "font/woff2",
};

/** Nothing but the page's own files is run or loaded, and nothing of it is shown inside another page. */
export const securityHeaders = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
} as const;

/** Whether there is such a file; the document is at the root. */
export function serveFile(
  page: Page,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): boolean {
  const name = path === "/" ? "index.html" : path.slice(1);
  const content = page.get(name);
  const mediaType = mediaTypes[extname(name)];
  if (content === undefined || mediaType === undefined) return false;
  response.writeHead(200, {
    "content-type": mediaType,
    "content-length": content.length,
    // The bundler names what the document asks for by its content.
    "cache-control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
  });
  response.end(request.method === "HEAD" ? undefined : content);
  return true;
}
