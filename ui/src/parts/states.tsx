import type { ComponentChildren } from "preact";
import { t } from "../language/language.ts";
import type { Answer } from "../use-answer.ts";

/** What a part of a page shows while it has nothing to show, and why. */

export function Loading() {
  return (
    <p class="state" role="status">
      <span class="spinner" aria-hidden="true" /> {t("loading")}
    </p>
  );
}

/** Nothing there, and that is no fault: says what would put something there. */
export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="state empty">{children}</p>;
}

export function Failed({ message, status }: { message: string; status: number }) {
  const title = status === 0 ? t("unreachable") : status === 403 ? t("forbidden") : t("failed");
  return (
    <div class="state failed" role="alert">
      <strong>{title}</strong> <span class="told">{message}</span>
    </div>
  );
}

/** An answer in whichever state it is; 404 is the honest "there is none yet". */
export function Answered<T>({
  answer,
  none,
  children,
}: {
  answer: Answer<T>;
  none: ComponentChildren;
  children: (value: T) => ComponentChildren;
}) {
  if (answer.state === "loading") return <Loading />;
  if (answer.state === "ready") return <>{children(answer.value)}</>;
  if (answer.status === 404) return <Empty>{none}</Empty>;
  return <Failed message={answer.message} status={answer.status} />;
}
