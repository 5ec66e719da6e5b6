import type { Client } from "../../client/client.ts";
import { linesOf } from "../../client/lines.ts";

/** One side of a chat: what was said, and how fast the answer comes. */

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
  /** Of answers: how they went. */
  tokens?: number;
  seconds?: number;
  firstSeconds?: number;
  finish?: string;
  error?: string;
}

export interface Parameters {
  temperature: number;
  top_p: number;
  max_tokens: number;
  seed: number | undefined;
  system: string;
}

export interface Endpoint {
  namespace: string;
  name: string;
  key: string;
}

interface Chunk {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
  usage?: { completion_tokens?: number };
  error?: { message?: string };
}

/** Sends the conversation and tells the answer as it grows. A stop keeps what has come. */
export async function ask(
  client: Client,
  endpoint: Endpoint,
  messages: readonly Message[],
  { system, ...parameters }: Parameters,
  signal: AbortSignal,
  onAnswer: (answer: Message) => void,
): Promise<void> {
  const said = messages
    .filter(({ error }) => error === undefined)
    .map(({ role, content }) => ({ role, content }));
  const body = {
    ...parameters,
    messages: system.trim() === "" ? said : [{ role: "system", content: system }, ...said],
    stream: true,
    stream_options: { include_usage: true },
  };
  const began = performance.now();
  const since = () => (performance.now() - began) / 1000;
  let answer: Message = { role: "assistant", content: "" };
  const told = (change: Partial<Message>) => {
    answer = { ...answer, ...change, seconds: since() };
    onAnswer(answer);
  };
  try {
    const path = `/api/endpoints/${encodeURIComponent(endpoint.namespace)}/${encodeURIComponent(endpoint.name)}/chat`;
    const headers = endpoint.key === "" ? undefined : { "x-endpoint-key": endpoint.key };
    const stream = await client.stream(path, signal, { body, headers });
    for await (const chunk of chunksOf(stream)) told(changeBy(chunk, answer, since()));
    told({ finish: answer.finish ?? "stop" });
  } catch (error) {
    if (signal.aborted) told({ finish: "stopped" });
    else told({ error: error instanceof Error ? error.message : String(error) });
  }
}

/** What a chunk adds. Pieces of text are not always tokens: the endpoint's own count comes last. */
function changeBy({ choices, usage, error }: Chunk, answer: Message, seconds: number): Partial<Message> {
  if (error !== undefined) throw new Error(error.message ?? "the endpoint failed");
  const change: Partial<Message> = {};
  const [choice] = choices ?? [];
  const content = choice?.delta?.content;
  if (content) {
    change.content = answer.content + content;
    change.tokens = (answer.tokens ?? 0) + 1;
    change.firstSeconds = answer.firstSeconds ?? seconds;
  }
  if (usage?.completion_tokens !== undefined) change.tokens = usage.completion_tokens;
  if (choice?.finish_reason) change.finish = choice.finish_reason;
  return change;
}

/** Chunks of a stream of server-sent events, up to [DONE]. */
async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Chunk> {
  for await (const line of linesOf(stream)) {
    if (!line.startsWith("data:")) continue;
    const data = line.slice(5).trim();
    if (data === "[DONE]") return;
    yield JSON.parse(data) as Chunk;
  }
}
