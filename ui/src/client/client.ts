import type { ErrorAnswer, Report } from "../../../operator/ui-server/contract.ts";

/**
 * All that the page asks for goes through here. Data embedded in a single-file report is looked up first; what is
 * not there is asked of the server, and in a report, which has none, it is said to be not part of it.
 */
export interface Client {
  readonly report: Report | undefined;
  json<T>(path: string, signal?: AbortSignal): Promise<T>;
  text(path: string, signal?: AbortSignal): Promise<string>;
  /** Where a picture can be shown from. */
  picture(path: string, signal?: AbortSignal): Promise<string>;
  /** An answer that is read as it comes. */
  stream(path: string, signal: AbortSignal, post?: Post): Promise<ReadableStream<Uint8Array>>;
}

export interface Post {
  body: unknown;
  headers?: Record<string, string>;
}

/** What an answer says that is not 2xx; status 0: nobody answered. */
export class RequestError extends Error {
  override name = "RequestError";
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export interface ClientOptions {
  fetch: typeof fetch;
  token: () => string | undefined;
  report?: Report;
}

export function createClient({ fetch, token, report }: ClientOptions): Client {
  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    if (report !== undefined) throw new RequestError(404, "not part of this report");
    const bearer = token();
    const headers = new Headers(init.headers);
    if (bearer !== undefined) headers.set("authorization", `Bearer ${bearer}`);
    const response = await fetch(path, { ...init, headers, cache: "no-store" }).catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw new RequestError(0, "the server does not answer");
    });
    if (!response.ok) throw new RequestError(response.status, await messageOf(response));
    return response;
  };
  const embedded = (path: string) => report?.data[requestKey(path)];

  return {
    report,
    async json<T>(path: string, signal?: AbortSignal) {
      return (embedded(path) ?? (await (await ask(path, { signal })).json())) as T;
    },
    async text(path, signal) {
      const found = embedded(path);
      return typeof found === "string" ? found : await (await ask(path, { signal })).text();
    },
    async picture(path, signal) {
      const found = embedded(path);
      if (typeof found === "string") return found;
      return URL.createObjectURL(await (await ask(path, { signal })).blob());
    },
    async stream(path, signal, post) {
      const init =
        post === undefined
          ? { signal }
          : {
              signal,
              method: "POST",
              body: JSON.stringify(post.body),
              headers: { ...post.headers, "content-type": "application/json" },
            };
      const { body: stream } = await ask(path, init);
      if (stream === null) throw new RequestError(0, "the answer is empty");
      return stream;
    },
  };
}

/** The key of a request in a report's data: its query sorted by name; of curves, the stage alone. */
export function requestKey(path: string): string {
  const { pathname, searchParams } = new URL(path, "http://page.invalid");
  if (pathname.endsWith("/metrics"))
    for (const name of [...searchParams.keys()]) if (name !== "stage") searchParams.delete(name);
  searchParams.sort();
  const query = searchParams.toString();
  return `GET ${pathname}${query && `?${query}`}`;
}

async function messageOf(response: Response): Promise<string> {
  const text = await response.text().catch(() => "");
  try {
    return (JSON.parse(text) as ErrorAnswer).error.message;
  } catch {
    return text.slice(0, 500) || response.statusText || String(response.status);
  }
}

/** Query of a request; what is undefined is left out. */
export function query(parameters: Record<string, string | number | undefined>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) search.set(name, String(value));
  search.sort();
  return `?${search}`;
}
