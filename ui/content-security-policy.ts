/**
 * What the page may do, stated in the page itself, so that it holds whoever serves it. Scripts and styles come
 * from the page's own files, or of a report from what is named by hash; nothing is loaded from elsewhere, and
 * no string ever becomes HTML or a script (`require-trusted-types-for` with no policy allowed).
 */
export interface Origins {
  scripts: string;
  styles: string;
  requests: string;
}

export const served: Origins = { scripts: "'self'", styles: "'self'", requests: "'self'" };

export function contentSecurityPolicy({ scripts, styles, requests }: Origins): string {
  return [
    "default-src 'none'",
    `script-src ${scripts}`,
    `style-src ${styles}`,
    `connect-src ${requests}`,
    "img-src 'self' data: blob:",
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");
}
