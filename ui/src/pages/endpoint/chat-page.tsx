import { useMemo, useRef, useState } from "preact/hooks";
import { usePage } from "../../context.ts";
import { t } from "../../language/language.ts";
import { type Identity, keyOf, type Shown } from "../../objects/objects.ts";
import { Empty } from "../../parts/states.tsx";
import { route, setQuery } from "../../router.ts";
import { ChatInput } from "./chat-input.tsx";
import { ChatParameters } from "./chat-parameters.tsx";
import { ChatSide } from "./chat-side.tsx";
import { ask, type Message, type Parameters } from "./conversation.ts";
import { endpointsOf } from "./endpoint-page.tsx";

/** A conversation with an endpoint, or the same prompts to two of them side by side. */
export function ChatPage({ identity }: Shown) {
  const { client, store } = usePage();
  const objects = store.objects.value;
  const endpoints = useMemo(() => endpointsOf(objects.values()), [objects]);
  const beside = endpoints.find((one) => keyOf(one) === route.value.query.get("beside"));
  const sides = beside === undefined ? [identity] : [identity, beside];
  const [messages, setMessages] = useState<ReadonlyMap<string, readonly Message[]>>(new Map());
  const [keys, setKeys] = useState<ReadonlyMap<string, string>>(new Map());
  const [parameters, setParameters] = useState<Parameters>({
    temperature: 0.7,
    top_p: 0.95,
    max_tokens: 256,
    seed: undefined,
    system: "",
  });
  const [busy, setBusy] = useState(0);
  const ending = useRef<AbortController | undefined>(undefined);

  if (client.report !== undefined) return <Empty>{t("chat.report")}</Empty>;

  const send = (prompt: string) => {
    ending.current = new AbortController();
    const { signal } = ending.current;
    for (const side of sides) {
      const key = keyOf(side);
      const before: readonly Message[] = [...(messages.get(key) ?? []), { role: "user", content: prompt }];
      setMessages((all) => new Map(all).set(key, [...before, { role: "assistant", content: "" }]));
      setBusy((running) => running + 1);
      const endpoint = { ...side, key: keys.get(key) ?? "" };
      void ask(client, endpoint, before, parameters, signal, (answer) =>
        setMessages((all) => new Map(all).set(key, [...before, answer])),
      ).finally(() => setBusy((running) => running - 1));
    }
  };

  return (
    <div class="chat">
      <div class="tools">
        <Beside endpoints={endpoints} identity={identity} beside={beside} />
        <button type="button" disabled={busy > 0} onClick={() => setMessages(new Map())}>
          {t("chat.clear")}
        </button>
      </div>
      <ChatParameters parameters={parameters} onParameters={setParameters} />
      <div class={`sides sides-${sides.length}`}>
        {sides.map((side) => (
          <ChatSide
            key={keyOf(side)}
            identity={side}
            messages={messages.get(keyOf(side)) ?? []}
            apiKey={keys.get(keyOf(side)) ?? ""}
            onApiKey={(key) => setKeys((all) => new Map(all).set(keyOf(side), key))}
          />
        ))}
      </div>
      <ChatInput busy={busy > 0} onSend={send} onStop={() => ending.current?.abort()} />
    </div>
  );
}

function Beside({
  endpoints,
  identity,
  beside,
}: {
  endpoints: readonly Identity[];
  identity: Identity;
  beside: Identity | undefined;
}) {
  const others = endpoints.filter((one) => keyOf(one) !== keyOf(identity));
  return (
    <label>
      {t("chat.beside")}{" "}
      <select
        value={beside ? keyOf(beside) : ""}
        disabled={others.length === 0}
        onChange={(event) => setQuery({ beside: event.currentTarget.value || undefined })}
      >
        <option value="">{t("chat.alone")}</option>
        {others.map((one) => (
          <option key={keyOf(one)} value={keyOf(one)}>
            {one.namespace} / {one.name}
          </option>
        ))}
      </select>
    </label>
  );
}
