import { type IncomingMessage, request } from "node:http";
import { isIP } from "node:net";
import { longestProgress, Progress, programPort } from "../contract/index.ts";
import type { AskProgress } from "./progress.ts";

/**
 * The one request that the operator makes to what it does not trust: whoever chose the image answers. Neither
 * a body nor a header is read beyond its bound, nothing is decompressed, and no redirect is followed.
 */

/** From the first byte to the last: a slow answer is none. */
const patienceMilliseconds = 2000;
const longestHeader = 4096;

/** Asks a pod by the address of its status. What is not of the contract is no answer, and no error either. */
export const httpGetProgress: AskProgress = async (podIP) => {
  // A name would be looked up, and lead anywhere.
  if (isIP(podIP) === 0) return undefined;
  try {
    const parsed = Progress.safeParse(JSON.parse(await get(podIP)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
};

function get(host: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const asked = request({
    host,
    port: programPort,
    path: "/progress",
    headers: { accept: "application/json" },
    // No connection is kept: the address may be another pod's the next time.
    agent: false,
    maxHeaderSize: longestHeader,
    signal: AbortSignal.timeout(patienceMilliseconds),
  });
  asked.on("error", reject);
  asked.on("response", (answer) => {
    readBody(answer)
      .then(resolve, reject)
      .finally(() => asked.destroy());
  });
  asked.end();
  return promise;
}

async function readBody(answer: IncomingMessage): Promise<string> {
  if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > longestProgress) throw new Error(`more than ${longestProgress} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
