import { render } from "preact";
import { act } from "preact/test-utils";
import { beforeEach, expect, test } from "vitest";
import { ChatInput } from "./chat-input.tsx";

let place: HTMLElement;
let sent: string[];

beforeEach(async () => {
  place = document.createElement("div");
  sent = [];
  await act(() =>
    render(<ChatInput busy={false} onSend={(text) => sent.push(text)} onStop={() => undefined} />, place),
  );
});

const field = () => place.querySelector("textarea") as HTMLTextAreaElement;

async function type(text: string) {
  await act(() => {
    field().value = text;
    field().dispatchEvent(new Event("input", { bubbles: true }));
  });
}

const enter = (options: KeyboardEventInit = {}) =>
  act(() => {
    field().dispatchEvent(
      new KeyboardEvent("keydown", { key: "Enter", bubbles: true, cancelable: true, ...options }),
    );
  });

const composition = (name: "compositionstart" | "compositionend") =>
  act(() => {
    field().dispatchEvent(new Event(name, { bubbles: true }));
  });

test("Enter sends and empties the field", async () => {
  await type("hello");
  await enter();
  expect(sent).toEqual(["hello"]);
  expect(field().value).toBe("");
});

test("Shift+Enter, and a field of blanks, send nothing", async () => {
  await type("hello");
  await enter({ shiftKey: true });
  await type("  \n");
  await enter();
  expect(sent).toEqual([]);
});

test("Enter that takes what an input method proposes sends nothing; the next one does", async () => {
  await composition("compositionstart");
  await type("にほんご");
  await enter();
  expect(sent).toEqual([]);
  await composition("compositionend");
  await type("日本語");
  await enter();
  expect(sent).toEqual(["日本語"]);
});

test("where the browser ends the composition before the key, the key's code tells", async () => {
  await type("日本語");
  await enter({ keyCode: 229 });
  await enter({ isComposing: true });
  expect(sent).toEqual([]);
});
