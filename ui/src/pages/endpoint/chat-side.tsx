import { useEffect, useRef } from "preact/hooks";
import { t } from "../../language/language.ts";
import type { Identity } from "../../objects/objects.ts";
import { Markdown } from "../../parts/markdown.tsx";
import { ObjectLink } from "../../parts/object-link.tsx";
import { Empty } from "../../parts/states.tsx";
import type { Message } from "./conversation.ts";

/** One endpoint's part of the conversation. */
export function ChatSide({
  identity,
  messages,
  apiKey,
  onApiKey,
}: {
  identity: Identity;
  messages: readonly Message[];
  apiKey: string;
  onApiKey: (key: string) => void;
}) {
  const end = useRef<HTMLDivElement>(null);
  const last = messages.at(-1);
  useEffect(() => {
    if (end.current !== null) end.current.scrollTop = end.current.scrollHeight;
  }, [last?.content, messages.length]);
  return (
    <section class="side" aria-label={identity.name}>
      <header>
        <h2>
          <ObjectLink identity={identity} />
        </h2>
        <label class="api-key">
          {t("chat.key")}{" "}
          <input
            type="password"
            autocomplete="off"
            value={apiKey}
            onInput={(event) => onApiKey(event.currentTarget.value.trim())}
          />
        </label>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
      <div class="messages" role="log" aria-label={t("chat.conversation")} tabIndex={0} ref={end}>
        {messages.length === 0 && <Empty>{t("chat.empty")}</Empty>}
        {messages.map((message, index) => (
          <Said key={index} message={message} />
        ))}
      </div>
    </section>
  );
}

function Said({ message }: { message: Message }) {
  const { role, content, error, tokens, seconds, firstSeconds, finish } = message;
  if (role === "user") return <div class="said user">{content}</div>;
  const speed =
    tokens !== undefined && seconds !== undefined && firstSeconds !== undefined && tokens > 1
      ? (tokens - 1) / Math.max(1e-3, seconds - firstSeconds)
      : undefined;
  return (
    <div class="said assistant" aria-busy={finish === undefined && error === undefined}>
      {content === "" && error === undefined && finish === undefined ? (
        <span class="spinner" aria-hidden="true" />
      ) : (
        <Markdown text={content} />
      )}
      {error !== undefined && (
        <p class="state failed" role="alert">
          {error}
        </p>
      )}
      {tokens !== undefined && (
        <p class="speed">
          {t("chat.tokens", { tokens })}
          {speed !== undefined && ` · ${speed.toFixed(1)} ${t("tokensPerSecond")}`}
          {firstSeconds !== undefined && ` · ${t("chat.first", { seconds: firstSeconds.toFixed(2) })}`}
          {finish !== undefined && finish !== "stop" && ` · ${finish}`}
        </p>
      )}
    </div>
  );
}
