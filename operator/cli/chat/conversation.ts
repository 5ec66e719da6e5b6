import { createInterface } from "node:readline/promises";
import { ClusterError } from "../../cluster/port.ts";
import { Failure } from "../failure.ts";
import { printable } from "../terminal/printable.ts";
import type { AnswerOptions, ChatClient, Message } from "./client.ts";

export interface ChatStreams {
  input: NodeJS.ReadStream;
  output: NodeJS.WriteStream;
}

/** A conversation whose history is the context of every answer. */
export class Conversation {
  readonly #client: ChatClient;
  readonly #model: string;
  readonly #system: readonly Message[];
  #messages: Message[] = [];
  readonly #sampling: Pick<AnswerOptions, "maxTokens" | "temperature">;

  constructor(client: ChatClient, model: string, options: { system?: string } & AnswerOptions = {}) {
    this.#client = client;
    this.#model = model;
    this.#system = options.system === undefined ? [] : [{ role: "system", content: options.system }];
    this.#sampling = { maxTokens: options.maxTokens, temperature: options.temperature };
  }

  /** Streams the answer to a message; a broken or interrupted exchange leaves no trace in the history. */
  async send(message: string, write: (text: string) => void, signal?: AbortSignal): Promise<void> {
    const asked: Message = { role: "user", content: message };
    const options: AnswerOptions = { ...this.#sampling, signal };
    const messages = [...this.#system, ...this.#messages, asked];
    const answer = this.#client.answer(this.#model, messages, options);
    let content = "";
    let piece = await answer.next();
    for (; !piece.done; piece = await answer.next()) {
      content += piece.value;
      write(piece.value);
    }
    write(piece.value === "length" ? " … (cut at the token limit)\n" : "\n");
    this.#messages.push(asked, { role: "assistant", content });
  }

  /** Starts over: only the system message stays. */
  forget(): void {
    this.#messages = [];
  }
}

/** What a person may type instead of a message. */
const forget = "/new";

/**
 * Reads messages from the terminal until Ctrl-D; Ctrl-C ends the answer, or at the prompt the conversation.
 */
export async function converse(conversation: Conversation, { input, output }: ChatStreams): Promise<void> {
  const terminal = createInterface({ input, output, prompt: "> " });
  let speaking: AbortController | undefined;
  terminal.on("SIGINT", () => {
    if (speaking) speaking.abort();
    else terminal.close();
  });
  output.write(`Ctrl-D ends the conversation, ${forget} starts a new one.\n`);
  terminal.prompt();
  for await (const line of terminal) {
    const message = line.trim();
    if (message === forget) conversation.forget();
    else if (message !== "") {
      speaking = new AbortController();
      await exchange(conversation, message, output, speaking.signal);
      speaking = undefined;
    }
    terminal.prompt();
  }
  output.write("\n");
}

/** One message and its answer. What went wrong is shown and does not end the conversation. */
async function exchange(
  conversation: Conversation,
  message: string,
  output: NodeJS.WriteStream,
  signal: AbortSignal,
): Promise<void> {
  try {
    await conversation.send(message, (text) => output.write(printable(text)), signal);
  } catch (error) {
    if (signal.aborted) output.write(" … (interrupted)\n");
    else if (error instanceof Failure || error instanceof ClusterError)
      output.write(`${printable(error.message)}\n`);
    else throw error;
  }
}
