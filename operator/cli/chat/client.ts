import { z } from "zod";
import { Failure } from "../failure.ts";
import type { Endpoint } from "../target/target.ts";

/** A client of an OpenAI-compatible endpoint: the model's name, and streamed answers. */

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

export interface AnswerOptions {
  maxTokens?: number;
  temperature?: number;
  signal?: AbortSignal;
}

const Models = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })).min(1) });
const Chunk = z.looseObject({
  choices: z.array(
    z.looseObject({
      delta: z.looseObject({ content: z.string().nullish() }),
      finish_reason: z.string().nullish(),
    }),
  ),
});
const StreamedError = z.looseObject({ error: z.looseObject({ message: z.string() }) });

export class ChatClient {
  readonly #reach: () => Promise<Endpoint>;
  readonly #name: string;
  readonly #key: string | undefined;

  /** `reach` is asked before every exchange; `name` is the endpoint's in sentences. */
  constructor(reach: () => Promise<Endpoint>, name: string, key?: string) {
    this.#reach = reach;
    this.#name = name;
    this.#key = key;
  }

  /** Name of the model that the endpoint serves. */
  async model(signal?: AbortSignal): Promise<string> {
    const endpoint = await this.#reach();
    try {
      const response = await this.#request(endpoint, "/models", { signal });
      const models = Models.safeParse(await response.json().catch(() => undefined));
      if (models.success) return models.data.data[0]?.id ?? "";
    } finally {
      endpoint.close();
    }
    throw new Failure(
      "failed",
      `${this.#name} names no model at /v1/models; is it an OpenAI-compatible endpoint?`,
    );
  }

  /** Pieces of the answer to a conversation; returns why it ended: stop, length, ... */
  async *answer(
    model: string,
    messages: readonly Message[],
    options: AnswerOptions = {},
  ): AsyncGenerator<string, string> {
    const endpoint = await this.#reach();
    try {
      const response = await this.#request(endpoint, "/chat/completions", {
        method: "POST",
        body: JSON.stringify({
          model,
          messages,
          stream: true,
          max_tokens: options.maxTokens,
          temperature: options.temperature,
        }),
        signal: options.signal,
      });
      let finish = "";
      for await (const data of this.#events(response, options.signal)) {
        if (data === "[DONE]") return finish;
        const choice = parseChunk(data).choices[0];
        if (choice?.delta.content) yield choice.delta.content;
        finish = choice?.finish_reason ?? finish;
      }
    } finally {
      endpoint.close();
    }
    throw this.#brokenOff();
  }

  async *#events(response: Response, signal: AbortSignal | undefined): AsyncGenerator<string> {
    try {
      yield* eventData(response.body ?? new ReadableStream());
    } catch (error) {
      throw signal?.aborted ? error : this.#brokenOff();
    }
  }

  #brokenOff(): Failure {
    return new Failure("failed", `${this.#name} broke off in the middle of the answer; its log may say why`);
  }

  async #request({ url }: Endpoint, path: string, init: RequestInit): Promise<Response> {
    const headers = {
      "Content-Type": "application/json",
      ...(this.#key && { Authorization: `Bearer ${this.#key}` }),
    };
    const response = await fetch(`${baseOf(url)}${path}`, { ...init, headers }).catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw new Failure(
        "failed",
        `${this.#name} cannot be reached (${causeOf(error)}); is its operator running?`,
      );
    });
    if (response.ok) return response;
    const said = StreamedError.safeParse(await response.json().catch(() => undefined));
    const message = said.success ? said.data.error.message : response.statusText;
    const mend = response.status === 401 ? "; give the key with --key-file" : "";
    throw new Failure("failed", `${this.#name} answered ${response.status}: ${message}${mend}`);
  }
}

/** An endpoint of a fixed address, with or without the final /v1, which is its name too. */
export function endpointAt(url: string): [reach: () => Promise<Endpoint>, name: string] {
  return [async () => ({ url, close() {} }), baseOf(url)];
}

const baseOf = (url: string) => `${url.replace(/\/+$/, "").replace(/\/v1$/, "")}/v1`;

function parseChunk(data: string): z.output<typeof Chunk> {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw new Failure("failed", `the endpoint sent a chunk that is not JSON: ${data.slice(0, 80)}`);
  }
  const failed = StreamedError.safeParse(value);
  if (failed.success)
    throw new Failure("failed", `the endpoint ended the answer with an error: ${failed.data.error.message}`);
  const chunk = Chunk.safeParse(value);
  if (!chunk.success)
    throw new Failure("failed", `the endpoint sent no chat completion chunk: ${data.slice(0, 80)}`);
  return chunk.data;
}

function causeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error) return "code" in cause ? String(cause.code) : cause.message;
  return String(cause);
}

/**
 * Data of the events of a text/event-stream body (WHATWG HTML, section 9.2): the only field that OpenAI's
 * stream uses.
 */
export async function* eventData(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  let data: string[] = [];
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    // A stream may break anywhere, also between the two characters of CR LF.
    rest += decoder.decode(bytes, { stream: true });
    const lines = rest.split(/\r\n|\n|\r(?=[^\n])/);
    rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
      else if (line === "" && data.length > 0) {
        yield data.join("\n");
        data = [];
      }
    }
  }
}
