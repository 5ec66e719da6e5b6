import { expect, test } from "vitest";
import { Screen } from "./terminal.ts";

const controls = new RegExp(`${"\\u001b"}\\[\\??\\d*[A-Za-z]|[\\s\\S]`, "g");

/** What a terminal of endless height shows after the escape sequences that Screen uses. */
class FakeTerminal {
  columns = 20;
  rows = 10;
  written = 0;
  #lines: string[] = [""];
  #row = 0;
  #column = 0;

  write(text: string): boolean {
    this.written += 1;
    for (const [token] of text.matchAll(controls)) this.#take(token);
    return true;
  }

  get shown(): string[] {
    return this.#lines.map((line) => line.trimEnd());
  }

  #take(token: string): void {
    const line = this.#lines[this.#row] ?? "";
    if (token === "\n") {
      this.#row += 1;
      this.#column = 0;
      this.#lines[this.#row] ??= "";
    } else if (token === "\r") this.#column = 0;
    else if (token.endsWith("K") && token.length > 1) this.#lines[this.#row] = line.slice(0, this.#column);
    else if (token.endsWith("J") && token.length > 1) {
      this.#lines[this.#row] = line.slice(0, this.#column);
      this.#lines.length = this.#row + 1;
    } else if (token.endsWith("A") && token.length > 1) this.#row -= Number(token.slice(2, -1));
    else if (token.length === 1) {
      this.#lines[this.#row] =
        line.slice(0, this.#column).padEnd(this.#column) + token + line.slice(this.#column + 1);
      this.#column += 1;
    }
  }
}

test("a block is drawn over in place, also when it becomes shorter", () => {
  const terminal = new FakeTerminal();
  const screen = new Screen(terminal);
  screen.draw(["one 1", "two 1", "three 1"]);
  screen.draw(["one 2", "two 2"]);
  expect(terminal.shown).toEqual(["one 2", "two 2", ""]);
});

test("what is printed stands above the block and stays", () => {
  const terminal = new FakeTerminal();
  const screen = new Screen(terminal);
  screen.draw(["block 1", "more"]);
  screen.print(["Warning"]);
  screen.draw(["block 2", "more"]);
  screen.finish();
  expect(terminal.shown).toEqual(["Warning", "block 2", "more", ""]);
});

test("a block that looks the same is not written again", () => {
  const terminal = new FakeTerminal();
  const screen = new Screen(terminal);
  screen.draw(["same"]);
  const before = terminal.written;
  screen.draw(["same"]);
  expect(terminal.written).toBe(before);
});

test("after finish the next block begins below", () => {
  const terminal = new FakeTerminal();
  const screen = new Screen(terminal);
  screen.draw(["first"]);
  screen.finish();
  screen.draw(["second"]);
  expect(terminal.shown).toEqual(["first", "second", ""]);
});
