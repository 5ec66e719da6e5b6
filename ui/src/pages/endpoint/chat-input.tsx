import { useRef, useState } from "preact/hooks";
import { t } from "../../language/language.ts";

/**
 * Enter sends, Shift+Enter breaks the line. While an input method composes, as for Japanese, Enter takes what it
 * proposes and sends nothing: some browsers end the composition first and say so by key code 229 alone.
 */
export function ChatInput({
  busy,
  onSend,
  onStop,
}: {
  busy: boolean;
  onSend: (prompt: string) => void;
  onStop: () => void;
}) {
  const [text, setText] = useState("");
  const composing = useRef(false);
  const send = () => {
    if (busy || text.trim() === "") return;
    onSend(text);
    setText("");
  };
  return (
    <form
      class="chat-input"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label>
        <span class="visually-hidden">{t("chat.message")}</span>
        <textarea
          rows={3}
          placeholder={t("chat.placeholder")}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onCompositionStart={() => {
            composing.current = true;
          }}
          onCompositionEnd={() => {
            composing.current = false;
          }}
          onKeyDown={(event) => {
            if (event.key !== "Enter" || event.shiftKey) return;
            if (composing.current || event.isComposing || event.keyCode === 229) return;
            event.preventDefault();
            send();
          }}
        />
      </label>
      {busy ? (
        <button type="button" onClick={onStop}>
          {t("chat.stop")}
        </button>
      ) : (
        <button type="submit" class="primary" disabled={text.trim() === ""}>
          {t("chat.send")}
        </button>
      )}
    </form>
  );
}
