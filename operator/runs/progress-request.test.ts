import { execFile } from "node:child_process";
import { createServer, type ServerResponse } from "node:http";
import { createServer as createSocketServer, type Server, type Socket } from "node:net";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { programPort } from "../contract/index.ts";
import type { KernelProgress } from "../kinds/batch-kind.ts";
import { httpGetProgress } from "./progress-request.ts";

/** Programs that answer as a hostile image would. Any address of 127.0.0.0/8 is this machine's. */

const said: KernelProgress = {
  stage: "train",
  step: 150,
  total: 200,
  unit: "step",
  metrics: { loss: 3.25 },
  since: "2026-01-01T00:00:00Z",
  updated: "2026-01-01T00:00:50Z",
};
const figures = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`m${index}`, index]));

const chunk = Buffer.alloc(65_536, "a");
function endless(stream: ServerResponse | Socket): void {
  stream.on("error", () => {}); // the operator hangs up
  const more = () => {
    while (!stream.destroyed && stream.write(chunk));
  };
  stream.on("drain", more);
  more();
}
function drip(stream: ServerResponse | Socket, word: string): void {
  const timer = setInterval(() => stream.write(word), 20);
  stream.on("error", () => {}).on("close", () => clearInterval(timer));
}

type Answer = (response: ServerResponse) => void;
type RawAnswer = (socket: Socket) => void;
const body =
  (text: string): Answer =>
  (response) =>
    response.end(text);
const json = (answer: unknown) => body(JSON.stringify(answer));

const zeros = gzipSync(Buffer.alloc(200_000_000));
const redirectTarget = "127.9.6.1";
const httpCases: [string, Answer][] = [
  ["a body without end", endless],
  ["a body of which a byte comes now and then", (response) => drip(response, " ")],
  ["200 MB in 200 KB", (response) => response.setHeader("content-encoding", "gzip").end(zeros)],
  [
    "a redirect",
    (response) =>
      response.writeHead(302, { location: `http://${redirectTarget}:${programPort}/progress` }).end(),
  ],
  ["an error with a valid body", (response) => response.writeHead(500).end(JSON.stringify(said))],
  ["7,000 metrics", json({ ...said, metrics: figures(7000) })],
  ["65 metrics", json({ ...said, metrics: figures(65) })],
  ["a name of 129 characters", json({ ...said, metrics: { ["x".repeat(129)]: 1 } })],
  ["NaN", body(JSON.stringify(said).replace("3.25", "NaN"))],
  ["a number beyond any double", body(JSON.stringify(said).replace("3.25", "1e999"))],
  ["a step that int64 and JSON do not share", body(JSON.stringify(said).replace("150", "1e30"))],
  ["JSON as deep as it is long", body("[".repeat(16_000))],
  ["a time that is none", json({ ...said, updated: "never" })],
  ["nothing", body("")],
];
const rawCases: [string, RawAnswer][] = [
  [
    "a header without end",
    (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nx: ");
      endless(socket);
    },
  ],
  ["early hints without end", (socket) => drip(socket, "HTTP/1.1 103 Early Hints\r\n\r\n")],
  ["no HTTP", (socket) => endless(socket)],
  ["a connection and no word", () => {}],
];

const names = [...httpCases, ...rawCases].map(([name]) => name);
const addressOf = (name: string) => `127.9.5.${names.indexOf(name) + 1}`;
const [well, redirected] = ["127.9.5.200", redirectTarget];
const servers: Server[] = [];
const sockets = new Set<Socket>();
let redirectsFollowed = 0;

async function listen(server: Server, host: string): Promise<void> {
  servers.push(server);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket.on("error", () => {}));
  });
  await new Promise<void>((resolve) => server.listen(programPort, host, resolve));
}

beforeAll(async () => {
  for (const [name, answer] of httpCases)
    await listen(
      createServer((_, response) => void answer(response)),
      addressOf(name),
    );
  for (const [name, answer] of rawCases) await listen(createSocketServer(answer), addressOf(name));
  await listen(
    createServer((_, response) => void json(said)(response)),
    well,
  );
  await listen(
    createServer((_, response) => {
      redirectsFollowed += 1;
      json(said)(response);
    }),
    redirected,
  );
});

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
});

test("a program is asked over HTTP; nobody there, or a host that is no address, is no error", async () => {
  expect(await httpGetProgress(well)).toEqual(said);
  expect(await httpGetProgress("127.9.4.7")).toBeUndefined();
  expect(await httpGetProgress("localhost")).toBeUndefined();
});

test("64 metrics are the most", async () => {
  const host = "127.9.5.201";
  const answer = { ...said, metrics: figures(64) };
  await listen(
    createServer((_, response) => void json(answer)(response)),
    host,
  );
  expect(await httpGetProgress(host)).toEqual(answer);
});

test.each(names)("%s is no answer, and waited for no longer than the patience", async (name) => {
  const begun = performance.now();
  expect(await httpGetProgress(addressOf(name))).toBeUndefined();
  expect(performance.now() - begun).toBeLessThan(4000);
});

test("no redirect is followed", async () => {
  expect(await httpGetProgress(addressOf("a redirect"))).toBeUndefined();
  expect(redirectsFollowed).toBe(0);
});

test("an operator that asks them all, again and again, grows by less than 32 MB", async () => {
  const script = `
    import { readFileSync } from "node:fs";
    import { httpGetProgress } from ${JSON.stringify(`${import.meta.dirname}/progress-request.ts`)};
    await httpGetProgress("${well}");
    // Unlike getrusage's, this peak does not include the parent's at the fork.
    const peak = () => Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
    const before = peak();
    for (let round = 0; round < 3; round++)
      await Promise.all(process.argv.slice(1).map((host) => httpGetProgress(host)));
    const answer = await httpGetProgress("${well}");
    console.log(JSON.stringify({ grownBytes: 1024 * (peak() - before), answer }));
  `;
  const hosts = names.map(addressOf);
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "-e",
    script,
    ...hosts,
  ]);
  const { grownBytes, answer } = JSON.parse(stdout) as { grownBytes: number; answer: unknown };
  expect(answer).toEqual(said);
  expect(grownBytes).toBeLessThan(32_000_000);
}, 60_000);
