import { useEffect, useState } from "preact/hooks";
import { usePage } from "./context.ts";

/** An answer of the server: under way, there, or why not. */
export type Answer<T> =
  | { state: "loading" }
  | { state: "ready"; value: T; refreshing: boolean }
  | { state: "failed"; status: number; message: string };

/**
 * Asks for `path` once it is defined, and again whenever `version` changes, e.g. with the object's newest status.
 * What was there stays on show while it is asked for again.
 */
export function useAnswer<T>(
  path: string | undefined,
  { version = "", as = "json" }: { version?: string | number; as?: "json" | "text" | "picture" } = {},
): Answer<T> {
  const { client } = usePage();
  const [shown, setShown] = useState<{ path?: string; answer: Answer<T> }>({ answer: { state: "loading" } });
  useEffect(() => {
    if (path === undefined) return;
    const ending = new AbortController();
    setShown((before) => ({
      path,
      answer:
        before.path === path && before.answer.state === "ready"
          ? { ...before.answer, refreshing: true }
          : { state: "loading" },
    }));
    const asked =
      as === "json" ? client.json<T>(path, ending.signal) : (client[as](path, ending.signal) as Promise<T>);
    asked.then(
      (value) => {
        if (!ending.signal.aborted) setShown({ path, answer: { state: "ready", value, refreshing: false } });
      },
      (error: unknown) => {
        if (!ending.signal.aborted) setShown({ path, answer: failure(error) });
      },
    );
    return () => ending.abort();
  }, [client, path, version, as]);
  return shown.path === path ? shown.answer : { state: "loading" };
}

export const failure = (error: unknown): Answer<never> => ({
  state: "failed",
  status: error !== null && typeof error === "object" && "status" in error ? Number(error.status) : 0,
  message: error instanceof Error ? error.message : String(error),
});
