import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { ChatClient, endpointAt, eventData, type Message } from "./client.ts";
import { Conversation } from "./conversation.ts";

interface Asked {
  path: string;
  authorization?: string;
  body: { model?: string; messages?: Message[]; stream?: boolean; max_tokens?: number };
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** An endpoint on the loopback that answers chat requests by `answer`. */
async function anEndpoint(answer: (response: ServerResponse, asked: Asked) => void) {
  const requests: Asked[] = [];
  const started = createServer(async (request: IncomingMessage, response) => {
    const text = (await request.setEncoding("utf8").toArray()).join("");
    const asked: Asked = {
      path: request.url ?? "",
      authorization: request.headers.authorization,
      body: text === "" ? {} : JSON.parse(text),
    };
    requests.push(asked);
    if (asked.path === "/v1/models")
      response.end(JSON.stringify({ object: "list", data: [{ id: "assistant" }] }));
    else answer(response, asked);
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${(started.address() as AddressInfo).port}`, requests };
}

const chunk = (content: string | undefined, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: content === undefined ? {} : { content }, finish_reason: finish }] })}\n\n`;

/** Sends the bytes in pieces, so that characters and lines are torn apart. */
async function inPieces(response: ServerResponse, text: string, size: number): Promise<void> {
  const bytes = Buffer.from(text);
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (let at = 0; at < bytes.length; at += size) {
    response.write(bytes.subarray(at, at + size));
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

async function answerTo(conversation: Conversation, message: string): Promise<string> {
  let text = "";
  await conversation.send(message, (piece) => {
    text += piece;
  });
  return text;
}

describe("a conversation", () => {
  test("streams an answer that arrives in torn pieces, and ends at [DONE]", async () => {
    const { url } = await anEndpoint((response) =>
      inPieces(
        response,
        `${chunk("")}${chunk("東京")}${chunk("です。")}${chunk(undefined, "stop")}data: [DONE]\n\n`,
        5,
      ),
    );
    const client = new ChatClient(...endpointAt(url));
    expect(await answerTo(new Conversation(client, await client.model()), "首都は？")).toBe("東京です。\n");
  });

  test("sends the system message, the history, the limit and the key", async () => {
    const { url, requests } = await anEndpoint((response) =>
      inPieces(response, `${chunk("yes")}${chunk(undefined, "stop")}data: [DONE]\n\n`, 64),
    );
    const conversation = new Conversation(
      new ChatClient(...endpointAt(`${url}/v1/`), "secret"),
      "assistant",
      {
        system: "Be brief.",
        maxTokens: 9,
        temperature: 0,
      },
    );
    await answerTo(conversation, "one");
    await answerTo(conversation, "two");
    expect(requests.at(-1)).toEqual({
      path: "/v1/chat/completions",
      authorization: "Bearer secret",
      body: {
        model: "assistant",
        stream: true,
        max_tokens: 9,
        temperature: 0,
        messages: [
          { role: "system", content: "Be brief." },
          { role: "user", content: "one" },
          { role: "assistant", content: "yes" },
          { role: "user", content: "two" },
        ],
      },
    });
  });

  test("says when an answer was cut", async () => {
    const { url } = await anEndpoint((response) =>
      inPieces(response, `${chunk("long")}${chunk(undefined, "length")}data: [DONE]\n\n`, 64),
    );
    expect(await answerTo(new Conversation(new ChatClient(...endpointAt(url)), "assistant"), "go on")).toBe(
      "long … (cut at the token limit)\n",
    );
  });

  test("a broken answer is an error and leaves no trace in the history", async () => {
    let broken = true;
    const { url, requests } = await anEndpoint((response) =>
      inPieces(response, broken ? chunk("half") : `${chunk("whole", "stop")}data: [DONE]\n\n`, 64),
    );
    const conversation = new Conversation(new ChatClient(...endpointAt(url)), "assistant");
    await expect(answerTo(conversation, "one")).rejects.toThrow(/broke off in the middle/);
    broken = false;
    await answerTo(conversation, "two");
    expect(requests.at(-1)?.body.messages).toEqual([{ role: "user", content: "two" }]);
  });

  test("every exchange finds its own way to the endpoint, and gives it back", async () => {
    const { url } = await anEndpoint((response) =>
      inPieces(response, `${chunk("a", "stop")}data: [DONE]\n\n`, 64),
    );
    const ways = { opened: 0, closed: 0 };
    const reach = async () => {
      ways.opened += 1;
      const close = () => {
        ways.closed += 1;
      };
      return { url, close };
    };
    const client = new ChatClient(reach, "InferenceDeployment/assistant");
    const conversation = new Conversation(client, await client.model());
    await answerTo(conversation, "one");
    await answerTo(conversation, "two");
    expect(ways).toEqual({ opened: 3, closed: 3 });
  });

  test("a connection that is lost in the middle is reported like any broken answer", async () => {
    const { url } = await anEndpoint((response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write(chunk("half"), () => response.destroy());
    });
    const conversation = new Conversation(
      new ChatClient(async () => ({ url, close() {} }), "InferenceDeployment/assistant"),
      "assistant",
    );
    await expect(answerTo(conversation, "one")).rejects.toThrow(
      /^InferenceDeployment\/assistant broke off in the middle of the answer/,
    );
  });

  test.each([
    [401, { error: { message: "no key" } }, /answered 401: no key; give the key with --key-file/],
    [400, { error: { message: "prompt too long" } }, /answered 400: prompt too long$/],
    [500, "oops", /answered 500: Internal Server Error/],
  ])("status %d is reported in the endpoint's own words", async (status, body, message) => {
    const { url } = await anEndpoint((response) => response.writeHead(status).end(JSON.stringify(body)));
    await expect(
      answerTo(new Conversation(new ChatClient(...endpointAt(url)), "assistant"), "x"),
    ).rejects.toThrow(message);
  });

  test("an error inside the stream is reported", async () => {
    const { url } = await anEndpoint((response) =>
      inPieces(response, `${chunk("a")}data: {"error":{"message":"out of memory"}}\n\n`, 64),
    );
    await expect(
      answerTo(new Conversation(new ChatClient(...endpointAt(url)), "assistant"), "x"),
    ).rejects.toThrow(/with an error: out of memory/);
  });

  test("an endpoint that is not there is reported by its address", async () => {
    const { url } = await anEndpoint(() => {});
    server?.close();
    await expect(new ChatClient(...endpointAt(url)).model()).rejects.toThrow(
      `${url}/v1 cannot be reached (ECONNREFUSED)`,
    );
  });
});

test.each([1, 2, 3, 1000])(
  "events are read from pieces of %d bytes, with all line ends and comments",
  async (size) => {
    const bytes = new TextEncoder().encode(
      ": hello\r\n\r\ndata: a\r\ndata: b\r\n\r\nevent: x\ndata:語\n\nid: 1\n\ndata: unfinished",
    );
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.slice(index * size, (index + 1) * size),
    );
    expect(await Array.fromAsync(eventData(ReadableStream.from(pieces)))).toEqual(["a\nb", "語"]);
  },
);
