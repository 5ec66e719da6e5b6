import { z } from "zod";
import type { EndpointMetrics } from "./contract.ts";
import { HttpError } from "./http-error.ts";
import type { View, ViewedObject } from "./view.ts";

/** What an InferenceDeployment serves, asked for a viewer: a chat completion, and its own figures. */

const patienceMilliseconds = 5000;
const mostMetricsBytes = 4 * 2 ** 20;

const Models = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })).min(1) });
const Refusal = z.looseObject({ error: z.looseObject({ message: z.string() }) });
const ChatRequest = z.looseObject({ messages: z.array(z.unknown()), model: z.string().optional() });

export interface ChatCall {
  body: unknown;
  /** Of the endpoint, where it asks for one. */
  key?: string;
  signal: AbortSignal;
}

/** The endpoint's answer as it comes; an error of the endpoint is an HttpError. */
export async function chat(
  view: View,
  deployment: ViewedObject,
  { body, key, signal }: ChatCall,
): Promise<{ answer: Response; close(): void }> {
  const request = ChatRequest.safeParse(body);
  if (!request.success)
    throw new HttpError(400, "the body is no chat completion request: it needs messages, a list");
  const endpoint = await view.reach(deployment);
  const headers = { "content-type": "application/json", ...(key && { authorization: `Bearer ${key}` }) };
  const ask = async (path: string, init: RequestInit): Promise<Response> => {
    const answer = await fetch(`${endpoint.url}/v1${path}`, { ...init, headers, signal, redirect: "error" });
    if (!answer.ok) throw await refusal(deployment, answer);
    return answer;
  };
  try {
    const model = request.data.model ?? (await servedModel(await ask("/models", {})));
    const completion = JSON.stringify({ ...request.data, model });
    const answer = await ask("/chat/completions", { method: "POST", body: completion });
    return { answer, close: () => endpoint.close() };
  } catch (error) {
    endpoint.close();
    throw unreachable(deployment, error);
  }
}

async function servedModel(answer: Response): Promise<string | undefined> {
  return Models.parse(await answer.json()).data[0]?.id;
}

/** 401 is kept for the page's own token. */
async function refusal({ kind, metadata }: ViewedObject, answer: Response): Promise<HttpError> {
  const text = (await answer.text()).slice(0, 4096);
  const said = Refusal.safeParse(parsedJson(text));
  const status = ({ 400: 400, 401: 403, 403: 403, 413: 413, 422: 400, 429: 503, 503: 503 } as const)[
    String(answer.status) as "400"
  ];
  const message = said.success ? said.data.error.message : answer.statusText;
  return new HttpError(status ?? 502, `${kind} ${metadata.name} answered ${answer.status}: ${message}`);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function endpointMetrics(view: View, deployment: ViewedObject): Promise<EndpointMetrics> {
  const endpoint = await view.reach(deployment);
  try {
    const answer = await fetch(`${endpoint.url}/metrics`, {
      signal: AbortSignal.timeout(patienceMilliseconds),
      redirect: "error",
    });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return { values: parseExposition(await bounded(answer)) };
  } catch (error) {
    throw unreachable(deployment, error);
  } finally {
    endpoint.close();
  }
}

async function bounded(answer: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of answer.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > mostMetricsBytes) throw new Error(`more than ${mostMetricsBytes} bytes`);
  }
  return text;
}

/** Samples of Prometheus' text format by their name and labels as written; what is no number is left out. */
export function parseExposition(text: string): Record<string, number> {
  const samples = text.split("\n").flatMap((line): [string, number][] => {
    const found = /^([a-zA-Z_:][\w:]*(?:\{.*\})?)\s+(\S+)(?:\s+-?\d+)?$/.exec(line);
    const value = Number(found?.[2]);
    return found?.[1] !== undefined && Number.isFinite(value) ? [[found[1], value]] : [];
  });
  return Object.fromEntries(samples);
}

function unreachable({ kind, metadata }: ViewedObject, error: unknown): unknown {
  if (error instanceof HttpError) return error;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const why = cause instanceof Error ? ("code" in cause ? String(cause.code) : cause.message) : String(cause);
  return new HttpError(502, `${kind} ${metadata.name} does not answer (${why}); see whether it is ready`);
}
